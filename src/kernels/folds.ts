// Folds of row kernels as WGSL: what a fold keeps while it runs, how that takes in an element, and how two of them become one.
import foldSource from '../../shaders/fold.wgsl?raw';
import gatherSource from '../../shaders/gather.wgsl?raw';
import type { Tensor } from '../graph/tensor.js';
import type { NumberType } from '../wgsl/library.js';
import type { Writer } from '../wgsl/writer.js';
import { extremes, foldedType } from './reduce.js';

/** A number that a fold keeps: its type, and what it is before the first element. `zero` is a 0 that compilers cannot know. */
interface Kept {
  readonly type: NumberType;
  readonly start: string;
}

/** A fold: its result is the first number that it keeps. Statements change the variables `own` that hold these numbers. */
export interface Fold {
  readonly kept: readonly [Kept, ...Kept[]];
  /** Takes in an element that a head reads as `values`, of this column. */
  readonly take: (own: readonly string[], values: readonly string[]) => string;
  /** Takes in what another of its kind keeps. */
  readonly join: (own: readonly string[], others: readonly string[]) => string;
  /** Whether an element may not be taken in twice. */
  readonly counts: boolean;
}

/** What the largest or the smallest of no elements is. WGSL refuses infinite constants. */
const extremeOf = (type: NumberType, name: 'max' | 'min'): string =>
  `bitcast<${type}>(${extremes[type][name]} | zero)`;

/** The slot of a scatter's result that a row is. */
const slotOf = ({ shape }: Tensor): string => `(row / ${shape[2]}u) % ${shape[1]}u`;

/** A fold of numbers by a function of two. */
function folding(type: NumberType, start: string, call: (operands: readonly string[]) => string) {
  const join: Fold['join'] = ([own = ''], [other = '']) => `${own} = ${call([own, other])};`;
  return { kept: [{ type, start }] as const, join };
}

/** The index of the largest, and the largest. Of equal ones the smallest index wins, in whatever order they come. */
function largestPlace({ vocabulary }: Writer, type: NumberType): Fold {
  const exceeds = vocabulary.take({ name: 'exceeds', source: foldSource }, type);
  const join: Fold['join'] = ([at = '', best = ''], [place = '', value = '']) => {
    // where neither exceeds the other both are equal, or NaN
    const isFirst = `(!${exceeds}(${best}, ${value}) & (${place} < ${at}))`;
    const wins = `let wins = ${exceeds}(${value}, ${best}) | ${isFirst};`;
    const moved = `${best} = select(${best}, ${value}, wins);`;
    return `{\n${wins}\n${moved}\n${at} = select(${at}, ${place}, wins);\n}`;
  };
  return {
    kept: [
      { type: 'i32', start: '0x7fffffffi' },
      { type, start: extremeOf(type, 'max') },
    ],
    take: (own, [value = '']) => join(own, ['i32(column)', value]),
    join,
    counts: false,
  };
}

/** The fold of a head. */
export function foldOf(writer: Writer, head: Tensor): Fold {
  const { vocabulary } = writer;
  const { kernel } = head.op;
  const type = foldedType(head);
  const named =
    (name: string, source = foldSource) =>
    (operands: readonly string[]): string =>
      `${vocabulary.take({ name, source }, type)}(${operands.join(', ')})`;
  const sum = folding(type, `${type}(0)`, named('fold_sum'));
  if (kernel.kind === 'scatter') {
    const add = named('scatter_add', gatherSource);
    const take: Fold['take'] = ([own = ''], [index, value = '']) => {
      const added = add([own, value, `u32(${index})`, slotOf(head)]);
      return `${own} = ${added};`;
    };
    return { ...sum, take, counts: true };
  }
  if (kernel.kind !== 'reduce') throw new RangeError(`${head.op.name} is no fold`);
  switch (kernel.name) {
    case 'sum':
      return { ...sum, take: sum.join, counts: true };
    case 'max':
    case 'min': {
      const start = extremeOf(type, kernel.name);
      const extreme = folding(type, start, named(`fold_${kernel.name}`));
      return { ...extreme, take: extreme.join, counts: false };
    }
    case 'arg_max':
      return largestPlace(writer, type);
    default:
      return kernel satisfies never;
  }
}
