// Kernels of folds: an invocation for each row folds the columns one after the other, then stores what depends on the results.
import foldSource from '../../shaders/fold.wgsl?raw';
import gatherSource from '../../shaders/gather.wgsl?raw';
import skeleton from '../../shaders/reduction.wgsl?raw';
import type { Tensor } from '../graph/tensor.js';
import { foldedBy, type Group, headsOf, indexOf, type Space } from '../planning/groups.js';
import { choices, invocations, MAX_GROUPS, unrolling } from '../planning/limits.js';
import type { Kernel } from '../wgsl/bindings.js';
import { countOf, flat, type Index } from '../wgsl/indices.js';
import type { NumberType } from '../wgsl/library.js';
import { registerType, toStorage } from '../wgsl/types.js';
import type { Writer } from '../wgsl/writer.js';
import type { EmitOptions } from './options.js';
import { overColumns, writerOf } from './results.js';
import { foldRows, scattersRows } from './scatter.js';

/** The bits at which the largest and the smallest start. */
export const extremes = {
  f32: { max: '0xff800000u', min: '0x7f800000u' },
  i32: { max: '0x80000000u', min: '0x7fffffffu' },
  u32: { max: '0u', min: '0xffffffffu' },
} as const;

/** How a fold goes: the statements that declare its variable, those that take in one element, and those after the last. */
interface Fold {
  readonly start: string;
  readonly combine: string;
  readonly end?: string;
}

/** The folding functions of a kernel. */
type Call = (name: string, operands: readonly unknown[], source?: string) => string;

/** A sum of f32 carries along what rounding leaves out: its error does not grow with its length. */
function compensated(call: Call, name: string, value: unknown): Fold {
  const [rest, next] = [`${name}_rest`, `${name}_next`] as const;
  const sum = call('fold_sum', [name, value]);
  const statements = [
    `let ${next} = ${call('as_rounded', [sum, 'zero'])};`,
    `${rest} += ${call('left_out', [name, value, next, 'zero'])};`,
    `${name} = ${next};`,
  ];
  return {
    start: `var ${name} = 0.0;\nvar ${rest} = 0.0;`,
    combine: statements.join('\n'),
    end: `${name} = ${call('with_rest', [name, rest])};`,
  };
}

/** The fold of a head into the variable `name`, of these values. */
function foldOf(
  writer: Writer,
  { op, shape }: Tensor,
  type: NumberType,
  name: string,
  values: readonly string[],
): Fold {
  const { kernel } = op;
  const [first] = values;
  const call: Call = (called, operands, source = foldSource) =>
    `${writer.vocabulary.take({ name: called, source }, type)}(${operands.join(', ')})`;
  const start = `var ${name} = ${type}(0);`;
  if (kernel.kind === 'scatter') {
    const row = `(row / ${shape[2]}u) % ${shape[1]}u`;
    const sum = call('scatter_add', [name, values[1], `u32(${first})`, row], gatherSource);
    return { start, combine: `${name} = ${sum};` };
  }
  if (kernel.kind !== 'reduce') throw new RangeError(`${op.name} is no fold`);
  switch (kernel.name) {
    case 'sum':
      if (type === 'f32') return compensated(call, name, first);
      return { start, combine: `${name} = ${call('fold_sum', [name, first])};` };
    case 'max':
    case 'min': {
      // WGSL refuses infinite constants
      const bits = `bitcast<${type}>(${extremes[type][kernel.name]} | zero)`;
      const winner = call(`fold_${kernel.name}`, [name, first]);
      return { start: `var ${name} = ${bits};`, combine: `${name} = ${winner};` };
    }
    case 'arg_max': {
      const best = `${name}_best`;
      const wins = `(column == 0u) | ${call('exceeds', [first, best])}`;
      const statements = [
        `let wins = ${wins};`,
        `${best} = select(${best}, ${first}, wins);`,
        `${name} = select(${name}, i32(column), wins);`,
      ];
      const both = `var ${name} = 0i;\nvar ${best} = ${type}(0);`;
      return { start: both, combine: statements.join('\n') };
    }
    default:
      return kernel satisfies never;
  }
}

/** The type that a fold adds or compares. */
export function foldedType({ inputs: [x] }: Tensor): NumberType {
  const type = registerType(x?.dtype ?? 'f32');
  if (type === 'bool') throw new RangeError('a fold of booleans');
  return type;
}

/** Columns that a turn of a loop folds: several of many where that makes a short text. */
function lanesOf({ row, element }: Space, body: string): number {
  const columns = countOf(element) / countOf(row);
  const { lanes, columns: many, text } = unrolling;
  return columns % lanes === 0 && columns >= many && body.length <= text ? lanes : 1;
}

/** Writes the loop that folds one head into the variable `name`. */
function foldHead(writer: Writer, { space }: Group, head: Tensor, name: string): void {
  writer.open('column');
  const values = foldedBy(head, space).map(([node, index]) => writer.value(node, index));
  const body = writer.close();
  const { start, combine, end = '' } = foldOf(writer, head, foldedType(head), name, values);
  const lanes = lanesOf(space, body);
  const loop = overColumns(`${body}\n${combine}`, lanes);
  writer.push(`${start}\n${loop}\n${end}`);
}

/** How rows are spread over workgroups: in rows of as many as one dimension takes. */
function spread(rows: number, manyRows: number) {
  const GROUP_X = rows >= manyRows ? invocations.manyRows : invocations.fewRows;
  const groups = Math.max(1, Math.ceil(rows / GROUP_X));
  const down = Math.ceil(groups / MAX_GROUPS);
  return { GROUP_X, ACROSS: Math.ceil(groups / down), down };
}

/** A reduction, with everything that depends on its rows and elements: an invocation for each row, or for each row of blocks. */
export function emitReduce(group: Group, options: EmitOptions): Kernel {
  const { adapter, stored, target } = options;
  const { space, stores } = group;
  const heads = headsOf(group);
  const names = new Map(heads.map((head, i) => [head, `h${i}`]));
  const writer = writerOf(group, stored, (node) => names.get(node));
  const store = (index: Index): void => {
    for (const node of stores.filter((each) => indexOf(group, each) === index)) {
      const value = toStorage(node, writer.value(node, index));
      writer.push(`${writer.bind(target(node), 'read_write')}[${flat(index)}] = ${value};`);
    }
  };
  const [scatter] = scattersRows(group, adapter) ? heads : [];
  if (scatter) foldRows(writer, group, scatter, target);
  else {
    for (const [head, name] of names) foldHead(writer, group, head, name);
    store(space.row);
  }
  writer.open('column');
  store(space.element);
  const perElement = writer.close();
  if (perElement) writer.push(overColumns(perElement));
  const body = writer.close();
  const INNER = scatter?.shape[2] ?? 1;
  const rows = countOf(space.row);
  const ROWS = rows / INNER;
  const COLUMNS = countOf(space.element) / rows;
  const { manyRows, unrolled } = choices[adapter];
  const { GROUP_X, ACROSS, down } = spread(ROWS, manyRows);
  const ROLLED = COLUMNS > unrolled ? 1 : 0;
  const constants = { GROUP_X, GROUP_Y: 1, ACROSS, ROWS, COLUMNS, INNER, ROLLED };
  return writer.kernel(skeleton, { parts: { body }, constants }, [ACROSS, down, 1]);
}
