import { ask } from '../shared/quiz.js';

export const questions = [
  ask(
    'Without hidden layers, which of the sets can be told apart?',
    ['Spiral', 'XOR', 'Circles', '+None of them fully'],
    'One layer draws one straight line. Try it: set the hidden layers to none.',
  ),
  ask(
    'With ReLU the boundary is made of',
    ['+straight pieces', 'smooth curves', 'circles'],
    'ReLU is linear on both sides of 0, so the network is linear in pieces.',
  ),
];
