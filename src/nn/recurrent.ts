// Recurrent layers: rnn and lstm, unrolled over time.

import { checkChoice } from '../core/options.js';
import { checkWhole } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { relu, sigmoid, tanh } from '../ops/activation.js';
import { add, mul } from '../ops/arithmetic.js';
import { zeros } from '../ops/leaf.js';
import { matmul } from '../ops/matmul.js';
import { concat, slice } from '../ops/slice.js';
import { misfit, reshape, transpose } from '../ops/view.js';
import type { Initializer } from './initializers.js';
import { type LayerOptions, layerOptions, type Module, makeLayer } from './layer.js';

/** Options of `rnn` and `lstm`. */
export interface RecurrentOptions extends LayerOptions {
  /** Whether to add biases; true by default. */
  bias?: boolean;
  /** Initializer of weights and biases; by default PyTorch's uniform ±1/√hidden. */
  initializer?: Initializer;
  /**
   * 'all' (default) returns h_t of every step, [batch, time, hidden]; 'last' returns that of the last, [batch, hidden].
   */
  outputs?: 'all' | 'last';
}

const RECURRENT = 'bias initializer outputs';

interface Sizes {
  readonly inputs: number;
  readonly hidden: number;
  /** Products of `hidden` numbers that a cell takes. */
  readonly gates: number;
}
/** A cell's state, [batch, hidden] each; only an lstm uses c. */
type State = readonly [h: Tensor, c: Tensor];

/**
 * Unrolls a cell over [batch, time, inputs]: its state after a step from W_ih x_t + b_ih + W_hh h_{t−1} + b_hh and the state
 * before. W_ih x is one product for all steps.
 */
function recurrent(
  kind: string,
  { inputs, hidden, gates }: Sizes,
  settings: RecurrentOptions,
  cell: (given: Tensor, state: State) => State,
): Module {
  const { initializer = 'pytorch', bias = true, outputs: wanted = 'all', ...options } = settings;
  checkWhole(kind, { inputs, hidden });
  checkChoice(kind, 'outputs', wanted, ['all', 'last']);
  return makeLayer(`${kind}(${inputs}, ${hidden})`, options, ({ parameter }) => {
    // PyTorch scales all of them by the hidden size
    const fan = { inputs: hidden, outputs: hidden };
    const make = (local: string, ...shape: number[]): Tensor =>
      parameter(local, [gates * hidden, ...shape], initializer, fan);
    const forInput = make('weight_ih_l0', inputs);
    const forState = make('weight_hh_l0', hidden);
    const biases = bias ? [make('bias_ih_l0'), make('bias_hh_l0')] : [];
    return (x) => {
      const [batch, time, size] = x.shape;
      const fix = `reshape it, or build ${kind}(${x.shape.at(-1)}, ${hidden})`;
      if (x.rank !== 3 || batch === undefined || !time || size !== inputs)
        misfit(`${kind}: input`, x, `where [batch, time ≥ 1, ${inputs}] is expected; ${fix}`);
      // time first, so that a step is a run of memory
      const rows = reshape(transpose(x, [1, 0, 2]), [time * batch, inputs]);
      const product = matmul(rows, forInput, { transposeB: true });
      const given = biases.reduce((sum, bias) => add(sum, bias), product);
      let state: State = [zeros([batch, hidden]), zeros([batch, hidden])];
      const outputs: Tensor[] = [];
      for (let t = 0; t < time; t++) {
        const now = slice(given, [t * batch, 0], [(t + 1) * batch, gates * hidden]);
        const [before] = state;
        const summed = t === 0 ? now : add(now, matmul(before, forState, { transposeB: true }));
        state = cell(summed, state);
        outputs.push(state[0]);
      }
      if (wanted === 'last') return state[0];
      const byTime = reshape(concat(outputs, { axis: 0 }), [time, batch, hidden]);
      return transpose(byTime, [1, 0, 2]);
    };
  });
}

type RnnOptions = RecurrentOptions & { nonlinearity?: 'tanh' | 'relu' };
/**
 * A recurrent layer over [batch, time, inputs], unrolled: h_t = g(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), h_0 = 0. Gives
 * [batch, time, hidden]. Parameters as PyTorch's `RNN(batch_first=True)`: weight_ih_l0 [hidden, inputs], weight_hh_l0
 * [hidden, hidden], bias_ih_l0 and bias_hh_l0 [hidden]; tanh unless `nonlinearity` is 'relu'.
 */
export function rnn(inputs: number, hidden: number, options: RnnOptions = {}): Module {
  const { nonlinearity = 'tanh' } = layerOptions('rnn', options, `${RECURRENT} nonlinearity`);
  const choice = checkChoice('rnn', 'nonlinearity', nonlinearity, ['tanh', 'relu']);
  const activate = choice === 'relu' ? relu : tanh;
  return recurrent('rnn', { inputs, hidden, gates: 1 }, options, (z, [, c]) => [activate(z), c]);
}

/**
 * A long short-term memory over [batch, time, inputs], unrolled, from zero states. Gives [batch, time, hidden]. With gates
 * [i f g o] = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh: c_t = σ(f) ⊙ c_{t−1} + σ(i) ⊙ tanh(g), h_t = σ(o) ⊙ tanh(c_t).
 * Parameters as PyTorch's `LSTM(batch_first=True)`: the rows of each are the gates i, f, g, o.
 */
export function lstm(inputs: number, hidden: number, options: RecurrentOptions = {}): Module {
  const checked = layerOptions('lstm', options, RECURRENT);
  return recurrent('lstm', { inputs, hidden, gates: 4 }, checked, (gates, [, c]) => {
    const batch = gates.shape.slice(0, 1);
    const gate = (k: number): Tensor => slice(gates, [0, k * hidden], [...batch, (k + 1) * hidden]);
    const kept = mul(sigmoid(gate(1)), c);
    const next = add(kept, mul(sigmoid(gate(0)), tanh(gate(2))));
    return [mul(sigmoid(gate(3)), tanh(next)), next];
  });
}
