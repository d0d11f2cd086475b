// Seed 004's questions on the forward pass.
import { ask } from '../shared/quiz.js';

export const questions = [
  ask(
    'The number of neurons in layer l − 1 is the same as the number of',
    ['rows of W', '+columns of W', 'elements of W'],
    'Each neuron of layer l weighs every neuron of the layer before: a row with a column for each.',
  ),
  ask(
    'The weights of the connections to the second neuron in layer l are in',
    ['+the second row of W', 'the second column of W', 'all of W'],
    'Row k of W holds what flows into neuron k.',
  ),
  ask(
    'Layer l has three neurons, and two feed it. How many components has its bias b?',
    ['1', '2', '+3'],
    'Every neuron has one bias of its own.',
  ),
  ask(
    'The pictures of δ fade as the network learns. Why?',
    [
      'The weights become smaller',
      '+The error that flows back becomes smaller',
      'The learning rate falls',
    ],
    'δ is how much the cost changes with a neuron’s input sum, and a right answer leaves little to change.',
  ),
];
