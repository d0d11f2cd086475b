import { ask } from '../shared/quiz.js';

export const questions = [
  ask(
    'A kernel’s worst error is 0.4 of its bound. What does that say?',
    [
      'The kernel is 60% right',
      '+Every value is as close to float64 as f32 arithmetic allows',
      'Training is 40% done',
    ],
    'The bound says how far rounding alone can lead; above 1 something else is wrong.',
  ),
  ask(
    'Why not compare two GPUs with each other instead?',
    ['+Both may be wrong, and both may be right and differ', 'Their results are always equal'],
    'float64 with a bound tells an error from rounding, on any one adapter.',
  ),
  ask(
    'The gradient of a bias, ∂C/∂b of a neuron, is',
    ['+its error signal δ', 'its activation a', 'always 1'],
    'z = Wa + b, so a change of b changes z by as much.',
  ),
];
