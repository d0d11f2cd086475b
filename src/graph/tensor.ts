// Tensors as graph nodes, how an op is applied to them, and checks of its inputs.
import { inCode } from '../core/bytes.js';
import {
  checkDType,
  type DType,
  hostArray,
  isFloat,
  type TensorData,
  type TypedArray,
} from '../core/dtype.js';
import { DTypeError, NablaError, ShapeError } from '../core/errors.js';
import { INSPECT } from '../core/print.js';
import { broadcastShapes, checkShape, formatShape, type Shape, sizeOf } from '../core/shape.js';
import { frozenList, frozenOptions } from './frozen.js';
import { checkNumber, literal } from './number.js';
import type {
  AnyRecord,
  Each,
  Form,
  IndexKernel,
  Inputs,
  LeafKind,
  Op,
  Options,
  TensorRecord,
} from './op.js';

let nextId = 0;

/** What a tensor throws where JavaScript would make a number of it. */
const instead =
  'use mul(a, b) for a * b, add for +, sub for −, div for /, pow for **, neg(a) for −a, and equal, less or greater to compare';

/**
 * A node of a computation graph: an op, its inputs, a shape and a dtype. It owns no memory and is immutable.
 * It prints as one line, `Tensor #12 add [2, 3] f32`; JavaScript's arithmetic operators on it throw NablaError.
 */
export class Tensor {
  /** Increases with each new node, so an input's id is always below its users'. */
  readonly id: number = nextId++;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly name: string | undefined;
  // private, so that consoles of browsers do not unfold the graph behind the node
  readonly #op: Op;
  readonly #inputs: readonly Tensor[];
  readonly #options: Options;
  readonly #outputs: readonly Form[] | undefined;

  /** @internal Use the op functions. */
  constructor(
    op: Op,
    inputs: readonly Tensor[],
    options: Options,
    shape: Shape,
    dtype: DType,
    name?: string,
    outputs?: readonly Form[],
  ) {
    this.shape = frozenList(shape);
    this.dtype = dtype;
    this.name = name;
    this.#op = op;
    this.#inputs = frozenList(inputs);
    this.#options = frozenOptions(options);
    this.#outputs = outputs;
    Object.freeze(this);
  }

  /** The record of the op that computes it. */
  get op(): Op {
    return this.#op;
  }

  /** The operands of the op. */
  get inputs(): readonly Tensor[] {
    return this.#inputs;
  }

  /** Options of the op; `isOf` tells their type. */
  get options(): Options {
    return this.#options;
  }

  /** @internal Of the node that computes the outputs of an op of several: their shapes and dtypes. It has no value itself. */
  get outputs(): readonly Form[] | undefined {
    return this.#outputs;
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** One line: `Tensor #12 add [2, 3] f32`, with the name if it has one. */
  toString(): string {
    const name = this.name === undefined ? '' : ` '${this.name}'`;
    return `Tensor #${this.id} ${nameOf(this)}${name} ${formatShape(this.shape)} ${this.dtype}`;
  }

  /** What `JSON.stringify` writes: the node without the graph behind it. */
  toJSON() {
    const { id, name, shape, dtype } = this;
    return { id, op: nameOf(this), ...(name !== undefined && { name }), shape, dtype };
  }

  [INSPECT](): string {
    return this.toString();
  }

  /** The line in a template literal; throws NablaError where an operator of JavaScript asks for a number. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString();
    throw new NablaError(`tensor: ${this} is no number that operators could take; ${instead}`);
  }
}

/** What people call the op of a node: its record's name, of an output of several with its number. */
export function nameOf({ op, inputs: [call], options }: Tensor): string {
  if (op.kernel.kind !== 'output' || !call) return op.name;
  const { index } = options as { readonly index: number };
  return `${call.op.name}[${index}]`;
}

/** A node of a known op: with as many inputs, and its options. */
export interface Node<O extends Options, A extends Inputs = Inputs> extends Tensor {
  readonly inputs: Each<A, Tensor>;
  readonly options: O;
}

/** A tensor, or a number that takes the other operand's dtype. */
export type TensorLike = Tensor | number;
/** Tensors in arbitrarily nested arrays and objects. */
export type Tree = Tensor | readonly Tree[] | { readonly [key: string]: Tree };

/** One node or several. */
export type Tensors = Tensor | readonly Tensor[];

/** @internal Throws ShapeError for what is no tensor. */
export function checkTensors(op: string, ...inputs: readonly unknown[]): void {
  for (const input of inputs)
    if (!(input instanceof Tensor)) {
      const isNumeric = typeof input === 'boolean' || typeof input === 'bigint';
      const fix = isNumeric
        ? `use ${Number(input)}, and cast(x, 'i32') of bools`
        : 'wrap values with tensor(…)';
      const given = typeof input === 'bigint' ? `${input}n` : String(input);
      throw new ShapeError(
        `${op}: ${given} is not a tensor${isNumeric ? ' nor a number' : ''}; ${fix}`,
      );
    }
}

function checkDTypes({ name, kernel, accepts = 'float' }: Op, inputs: readonly Tensor[]): void {
  for (const { dtype } of inputs) {
    // composed kernels unpack bytes, written ones would read four as one
    if (dtype === 'u8' && (accepts !== 'any' || kernel.kind === 'written'))
      throw new DTypeError(
        `${name}: u8 is storage only; unpack it with cast(x, 'f32') or gather`,
        dtype,
      );
    if (accepts === 'any') continue;
    if (accepts === 'float' && !isFloat(dtype))
      throw new DTypeError(`${name}: dtype ${dtype} is not a float; use cast(x, 'f32')`, dtype);
    if (dtype === 'bool')
      throw new DTypeError(`${name}: bool is not a number; use cast(x, 'f32') or where`, dtype);
  }
}

/** @internal The dtype that all inputs share, f32 when there are none. */
export function commonDType(op: string, [first, ...others]: readonly Tensor[]): DType {
  const dtype = first?.dtype ?? 'f32';
  const other = others.find((input) => input.dtype !== dtype);
  if (!other) return dtype;
  throw new DTypeError(
    `${op}: mixed dtypes ${dtype} and ${other.dtype}; cast one with cast(x, '${dtype}')`,
    dtype,
    other.dtype,
  );
}

/** The forms of outputs; throws where they are no list of shapes and dtypes. */
function checkForms(op: string, forms: readonly Form[]): readonly Form[] {
  const isList = Array.isArray(forms) && forms.length > 0;
  if (!isList || forms.some((form) => typeof form !== 'object' || form === null))
    throw new NablaError(`${op}: its outputs are ${inCode(forms)}; give { shape, dtype } for each`);
  return forms.map(({ shape, dtype }) => ({
    shape: frozenList(checkShape(op, shape)),
    dtype: checkDType(op, dtype),
  }));
}

/**
 * Builds a node: checks dtypes, infers the shape. Of an op of several outputs it is the node that computes them all. Throws
 * ShapeError or DTypeError.
 */
export function apply<O extends Options, A extends Inputs>(
  op: AnyRecord<O, A>,
  inputs: Each<A, Tensor>,
  options: O,
  name?: string,
): Tensor;
export function apply(op: Op, inputs: readonly Tensor[], options: Options, name?: string): Tensor {
  checkTensors(op.name, ...inputs);
  checkDTypes(op, inputs);
  if (op.outputs) {
    const forms = checkForms(op.name, op.outputs(inputs, options));
    return new Tensor(op, inputs, options, [], 'f32', name, forms);
  }
  const dtype = op.dtype?.(inputs, options) ?? options.dtype ?? commonDType(op.name, inputs);
  const shapes = inputs.map((input) => input.shape);
  const shape = op.shape?.(inputs, options) ?? options.shape ?? broadcastShapes(op.name, shapes);
  checkShape(op.name, shape);
  checkDType(op.name, dtype);
  return new Tensor(op, inputs, options, shape, dtype, name);
}

/** The record behind a function that makes nodes. */
export interface Recorded<O extends Options, A extends Inputs = Inputs> {
  readonly record: AnyRecord<O, A>;
}

/** @internal Whether a node is of an op, whose options and inputs it then has. */
export function isOf<O extends Options, A extends Inputs>(
  node: Tensor,
  { record }: Recorded<O, A>,
): node is Node<O, A> {
  return node.op === record;
}

/** Rules of what is exact and has no inputs. */
const withoutInputs = { accepts: 'any', vjp: () => [], bound: { ulp: 0 } } as const;

export type LeafOptions = Options & Form;
/** @internal A record for values that exist before the graph runs. */
export function leafRecord<O extends LeafOptions>(name: LeafKind): TensorRecord<O, readonly []> {
  const reference = (): never => {
    throw new NablaError(`${name}: a leaf has a value, not a rule`);
  };
  return { ...withoutInputs, name, reference, kernel: { kind: 'leaf', holds: name } };
}
/** @internal Values known when the graph is built: data, not structure. */
export const constantOp: TensorRecord<ConstantOptions, readonly []> = leafRecord('constant');
type ConstantOptions = LeafOptions & { readonly value: TensorData };

type FullOptions = Form & { readonly value: number };

/** The number that the GPU's literal is: beside f16 tensors it is f32. */
function fullValue(_: readonly [], { value }: FullOptions, { shape, dtype }: Form): TypedArray {
  const number = isFloat(dtype) ? Math.fround(value) : value;
  return hostArray(dtype, sizeOf(shape)).fill(number);
}
const fullKernel: IndexKernel<FullOptions, readonly []> = {
  kind: 'index',
  write: ({ options, output }) => literal(options.value, output.dtype),
};
/** A single number in every place of a shape. As an operand it is part of the structure and costs no memory. */
export const fullOp: TensorRecord<FullOptions, readonly []> = {
  ...withoutInputs,
  name: 'full',
  cost: 'free',
  reference: fullValue,
  kernel: fullKernel,
};

/** @internal One number in every place; WGSL has no literal for ±∞ and NaN, so those are data. */
export function filled(value: number, shape: Shape, dtype: DType, op = 'full'): Tensor {
  checkNumber(op, value, dtype);
  if (Number.isFinite(value) || !isFloat(dtype)) return apply(fullOp, [], { value, shape, dtype });
  const data = new Float32Array(sizeOf(shape)).fill(value);
  return apply(constantOp, [], { shape, dtype, value: { shape, dtype, data } });
}

/** @internal The number that is in every place of what `filled` made; undefined for any other node. */
export const filledWith = (node: Tensor): number | undefined =>
  isOf(node, { record: fullOp }) ? node.options.value : undefined;

/** Tensors for an op's operands; numbers take the first tensor's dtype, f32 when there is none. None is rounded to f16. */
export function lift<const A extends readonly TensorLike[]>(op: string, inputs: A): Each<A, Tensor>;
export function lift(op: string, inputs: readonly TensorLike[]): readonly Tensor[] {
  const dtype = inputs.find((input): input is Tensor => input instanceof Tensor)?.dtype ?? 'f32';
  return inputs.map((input) => (typeof input === 'number' ? filled(input, [], dtype, op) : input));
}
