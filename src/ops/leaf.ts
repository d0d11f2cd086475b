// Leaves of graphs: inputs, parameters and constants. WGSL: arange and full are index expressions (`write`, here).
import { EPSILON } from '../core/bounds.js';
import {
  type DType,
  hostArray,
  isFloat,
  roundTo,
  type TensorData,
  type Value,
} from '../core/dtype.js';
import { DTypeError, NablaError, ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { readValue } from '../core/readValue.js';
import { checkShape, formatShape, type Shape, sizeOf } from '../core/shape.js';
import { defineIndex } from '../graph/define.js';
import { checkNumber, literal } from '../graph/number.js';
import type { TensorRecord } from '../graph/op.js';
import { isParameter } from '../graph/program.js';
import { apply, constantOp, filled, isOf, leafRecord, Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { cast } from './cast.js';
import { equal } from './compare.js';
import { reshape } from './view.js';

/** @internal A place that each run feeds. */
export const inputOp = leafRecord('input');
/** @internal A value that lives in each engine and that steps update. */
export const parameterOp: TensorRecord<ParameterOptions, readonly []> = leafRecord('parameter');

type TensorOptions = { dtype?: DType };
const isSettings = (given: Shape | TensorOptions | undefined): given is TensorOptions =>
  typeof given === 'object' && given !== null && !Array.isArray(given);
/**
 * A tensor holding values: a number, a boolean, nested arrays, a typed array (row-major) or `{ shape, dtype, data }`.
 * f32 unless `dtype` or the typed array says otherwise; booleans alone are bool, among numbers they are 1 and 0. Throws
 * FeedError when values do not fill `shape`; one number or boolean fills any.
 */
export function tensor(values: Value, options?: TensorOptions): Tensor;
/** The same in a shape: typed arrays and lists of numbers are cut into it. */
export function tensor(values: Value, shape: Shape | undefined, options?: TensorOptions): Tensor;
export function tensor(
  values: Value,
  second?: Shape | TensorOptions,
  third?: TensorOptions,
): Tensor {
  const isFirst = isSettings(second);
  if (isFirst && third !== undefined)
    throw new NablaError('tensor: options are given twice; give them once, last');
  const shape = isFirst ? undefined : second;
  const options = isFirst ? second : (third ?? {});
  const { dtype } = checkOptions('tensor', options, '', 'dtype');
  if (shape !== undefined) checkShape('tensor', shape);
  const value = readValue('tensor', shape ? repeatedTo(shape, values) : values, { shape, dtype });
  return apply(constantOp, [], { shape: value.shape, dtype: value.dtype, value });
}

/** A value whose elements are computed each time that they are asked for. */
class Later implements TensorData {
  readonly shape: Shape;
  readonly dtype = 'f32';
  readonly #element: (at: number) => number;

  constructor(shape: Shape, element: (at: number) => number) {
    this.shape = shape;
    this.#element = element;
  }

  get data(): Float32Array {
    return new Float32Array(sizeOf(this.shape)).map((_, at) => this.#element(at));
  }
}
/** @internal A constant whose elements take memory only where an engine needs them: the first values of a large parameter. */
export function laterTensor(shape: Shape, element: (at: number) => number): Tensor {
  const value = new Later(checkShape('tensor', shape), element);
  return apply(constantOp, [], { shape, dtype: value.dtype, value });
}

/** A single number or boolean in every place of a shape; other values as they are. */
function repeatedTo(shape: Shape, values: Value): Value {
  if (typeof values !== 'number' && typeof values !== 'boolean') return values;
  const data = new Float64Array(sizeOf(shape)).fill(Number(values));
  return typeof values === 'number' ? data : { shape, dtype: 'bool', data };
}

/** A placeholder of fixed `shape` for values that are fed to each run; f32 unless `dtype` is given. */
export function input(shape: Shape, options: { dtype?: DType; name?: string } = {}): Tensor {
  const { dtype = 'f32', name } = checkOptions('input', options, '', 'dtype name');
  return apply(inputOp, [], { shape: checkShape('input', shape), dtype }, name);
}

/** Throws where a first value would be that of a parameter: each engine has its own, and a graph none. */
function checkInitial(init: Tensor): Tensor {
  const read = topological([init]).find(
    (node) => isOf(node, { record: parameterOp }) && !node.options.ofRun,
  );
  if (read === undefined) return init;
  const fact =
    read === init
      ? `${describe(init)} is a parameter`
      : `${init} reads the parameter ${describe(read)}`;
  const fix =
    'parameter(await engine.read(t)) for a parameter t, parameter(await engine.run(t)) for what is computed';
  throw new NablaError(
    `parameter: ${fact}, whose value lives in an engine; start from its value there: ${fix}`,
  );
}

type ParameterOptions = {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly initial: Value | Tensor;
  ofRun?: true;
};

/** @internal A whole number that belongs to the run, not to a model: steps count and seed with it. */
export const runValue = (name: string): Tensor => {
  const initial = { shape: [], dtype: 'u32', data: new Uint32Array(1) } as const;
  return apply(parameterOp, [], { shape: [], dtype: 'u32', initial, ofRun: true }, name);
};

/**
 * A trainable value. Each engine that uses it stores its own copy, which starts from `init`: values, or a tensor that
 * the float64 reference evaluates once (so every engine starts from the same bits). Throws NablaError where `init` is or
 * reads a parameter, whose value a graph does not have: read it first, `parameter(await engine.read(t))`.
 */
export function parameter(init: Value | Tensor, options: { name?: string } = {}): Tensor {
  checkOptions('parameter', options, '', 'name');
  const initial = init instanceof Tensor ? checkInitial(init) : readValue('parameter', init, {});
  if (initial.dtype === 'u8' || initial.dtype === 'bool')
    throw new DTypeError(
      `parameter: dtype ${initial.dtype} cannot be updated; use f32, i32 or u32`,
      initial.dtype,
    );
  const { shape, dtype } = initial;
  return apply(parameterOp, [], { shape, dtype, initial }, options.name);
}

/**
 * A tensor filled with one number, or boolean (then bool, unless `dtype` is given). In kernels it is a literal without
 * memory.
 */
export const full = (
  shape: Shape,
  value: number | boolean,
  options: { dtype?: DType } = {},
): Tensor => repeated('full', shape, value, options);
/** Zeros of a shape. */
export const zeros = (shape: Shape, options: { dtype?: DType } = {}): Tensor =>
  repeated('zeros', shape, 0, options);
/** Ones of a shape. */
export const ones = (shape: Shape, options: { dtype?: DType } = {}): Tensor =>
  repeated('ones', shape, 1, options);

/** `full` as the caller knows it by name. */
function repeated(
  op: string,
  shape: Shape,
  value: number | boolean,
  options: { dtype?: DType },
): Tensor {
  const isBool = typeof value === 'boolean';
  const { dtype = isBool ? 'bool' : 'f32' } = checkOptions(op, options, '', 'dtype');
  const number = isBool ? Number(value) : value;
  const rounded = dtype === 'f16' ? roundTo(dtype, number) : number;
  if (Number.isFinite(number) && !Number.isFinite(rounded))
    throw new DTypeError(
      `${op}: ${number} is beyond the f16 range; use Infinity, or keep within ±65504`,
      dtype,
    );
  return filled(rounded, checkShape(op, shape), dtype, op);
}

/** The dtypes that numbers in a row, and ones, may have. */
type Countable = 'f32' | 'i32' | 'u32';

type RangeOptions = { start: number; step: number; length: number; dtype: DType };
const arangeOf = defineIndex<RangeOptions, readonly []>({
  name: 'arange',
  cost: 'free',
  shape: (_, { length }) => [length],
  vjp: () => [],
  reference: (_, { start, step, length }, { dtype }) => {
    const stored = (value: number): number => (isFloat(dtype) ? Math.fround(value) : value);
    const from = stored(start);
    const by = stored(step);
    return hostArray(dtype, length).map((_: number, i: number) => from + i * by);
  },
  write: ({ options: { start, step }, output: { dtype }, flat }) =>
    `(${literal(start, dtype)} + ${dtype}(${flat}) * ${literal(step, dtype)})`,
  bound: (_, { data }, { step }) =>
    Float64Array.from(data, (value, i) => EPSILON * (Math.abs(value) + 2 * Math.abs(i * step))),
});

/**
 * The numbers start, start + step, … below `stop` (`arange(stop)` starts at 0); i32 unless `dtype` is given.
 * Throws ShapeError for an endless range, DTypeError for fractions in an integer range.
 */
export function arange(
  start: number,
  stop?: number,
  options: { step?: number; dtype?: Countable } = {},
): Tensor {
  if (typeof stop === 'object' && stop !== null)
    throw new NablaError(`arange: options stand third; use arange(0, ${start}, { … })`);
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const { step = 1, dtype = 'i32' } = checkOptions('arange', options, '', 'step dtype');
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!Number.isFinite(length))
    throw new ShapeError(
      `arange: no finite length from ${from} to ${to} by ${step}; step must not be 0`,
    );
  for (const value of [from, step, from + Math.max(0, length - 1) * step])
    checkNumber('arange', value, dtype);
  return arangeOf([], { start: from, step, length, dtype });
}

/** @internal Rows `from` to `to` of the identity of some size. */
export const unitRows = (size: number, from: number, to: number, dtype: DType): Tensor =>
  cast(equal(reshape(arange(from, to), [to - from, 1]), arange(size)), dtype);

/** Identity matrix: `eye(3)` is [3, 3]; `eye([2, 3])` is [2, 3, 2, 3], one where both halves of the index agree. */
export function eye(size: number | Shape, options: { dtype?: Countable } = {}): Tensor {
  const half = checkShape('eye', typeof size === 'number' ? [size] : size);
  const { dtype = 'f32' } = checkOptions('eye', options, '', 'dtype');
  return reshape(unitRows(sizeOf(half), 0, sizeOf(half), dtype), [...half, ...half]);
}

/** @internal For error messages: a leaf's name, or its kind and shape. */
export const describe = (node: Tensor): string =>
  node instanceof Tensor
    ? (node.name ?? `${node.op.name} ${formatShape(node.shape)}`)
    : String(node);

/** The parameter; throws NablaError for any other node. */
export function checkParameter(op: string, parameter: Tensor): Tensor {
  if (isParameter(parameter)) return parameter;
  throw new NablaError(
    `${op}: ${describe(parameter)} is no parameter; only parameters keep values`,
  );
}
