// Seed 004's questions on backpropagation, and more of the kind.
import { ask } from '../shared/quiz.js';

export const questions = [
  ask(
    'x is used in two places. What is its gradient?',
    ['The larger of the two that arrive', '+The sum of the two that arrive', 'Their product'],
    'A change of x reaches f over both ways, and small changes add up.',
  ),
  ask(
    'f = b × e. What is the local gradient of f by b?',
    ['+e', 'b', '1'],
    'With e held still, f changes e times as much as b does.',
  ),
  ask(
    'f = max(b, c), and b is the larger. Which gradient does c get?',
    ['The same as b', 'Half of it', '+0'],
    'A small change of c changes nothing while b stays the larger.',
  ),
  ask(
    'w with the indices k and j, in layer l, is the weight of the connection between',
    [
      'the kth neuron in layer l − 1 and the jth neuron in layer l',
      '+the jth neuron in layer l − 1 and the kth neuron in layer l',
      'the jth neuron in layer l and the kth neuron in layer l + 1',
    ],
    'W has a row for each neuron that it feeds: row k, column j.',
  ),
  ask(
    'Why is ∂C/∂aₖ = Σₘ ∂C/∂zₘ · ∂zₘ/∂aₖ, a sum over the neurons m of the next layer?',
    [
      '+The activation of neuron k affects all input sums of the next layer',
      '+k is fixed, and m is not',
      'Each neuron has a bias of its own',
    ],
    'It is a fork with as many branches as the next layer has neurons.',
  ),
  ask(
    'What does ⊙ mean in δ = (Wᵀδ) ⊙ σ′(z)?',
    ['+Component-wise multiplication', 'Matrix multiplication'],
    'Each neuron’s signal is scaled by the slope of its own activation.',
  ),
];
