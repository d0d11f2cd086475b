// The op record: what an op defines (shape, derivative, kernel, reference, error bound).
import type { Bound } from '../core/bounds.js';
import type { DType, TensorData, TypedArray } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type { Tensor } from './tensor.js';

/** Plain data that parametrises an op: part of the graph's structure. */
export type Options = {
  readonly [key: string]: unknown;
  readonly shape?: Shape;
  readonly dtype?: DType;
};
export type NoOptions = Record<string, never>;

/** Some for each of an op's inputs, which a tuple or list counts: for [x, y], [X, X]. */
export type Each<A extends Inputs, X> = { readonly [K in keyof A]: X };
/** What counts inputs: the parameters of a pointwise reference, or a tuple of tensors; a list for any number. */
export type Inputs = readonly unknown[];
/** The inputs of an op of one tensor. */
export type One = readonly [x: Tensor];
/** The inputs of an op of two tensors. */
export type Two = readonly [a: Tensor, b: Tensor];
/** One or more: what an op of whole tensors has that does not say how many. */
export type Some = readonly [x: Tensor, ...others: Tensor[]];

// Rules are declared as methods, so that a record for some inputs and options is a record for any.

/** The node that a rule is asked about. */
export interface RuleContext<O, A extends Inputs> {
  readonly inputs: Each<A, Tensor>;
  readonly output: Tensor;
  readonly options: O;
}
/** What a vjp rule sees. The cotangent has shape E ++ output.shape, where E are extra leading axes (usually none). */
export interface VjpContext<O = Options, A extends Inputs = Inputs> extends RuleContext<O, A> {
  readonly cotangent: Tensor;
  /** The sizes of E. */
  readonly lead: Shape;
  /** Which inputs' cotangents will be used; a rule may leave the others out. */
  readonly wanted: Each<A, boolean>;
}
export interface JvpContext<O = Options, A extends Inputs = Inputs> extends RuleContext<O, A> {
  /** One for each input, of its shape; undefined where it is zero. But for pointwise ops they may be stacked: E ++ shape. */
  readonly tangents: Each<A, Tensor | undefined>;
}
/** What an index kernel sees while its WGSL expression for one output element is written. */
export interface IndexContext<O = Options, A extends Inputs = Inputs> extends RuleContext<O, A> {
  /** WGSL u32 expressions: the coordinates of the output element. */
  readonly coordinates: readonly string[];
  /** WGSL u32 expression: the row-major index of the output element. */
  readonly flat: string;
  /** WGSL expression of an input's element at coordinates, or at a row-major index. */
  read(input: number, at: readonly string[] | string): string;
  /** Names an expression, so that it is computed once. */
  let(type: 'u32' | 'i32' | 'f32' | 'bool', expression: string): string;
}

/** A WGSL function of scalars, called for each element. `source` is the text that holds it and its helpers. */
export interface PointwiseKernel {
  readonly kind: 'pointwise';
  readonly name: string;
  readonly source: string;
  /** Where the source is written, for errors in it: a file, or file:line of its definition. */
  readonly file?: string | undefined;
}
/** One output element is read from inputs at computed places: views, gathers, generators. */
export interface IndexKernel<O = Options, A extends Inputs = Inputs> {
  readonly kind: 'index';
  write(context: IndexContext<O, A>): string;
  /** WGSL functions that `write` calls. */
  readonly source?: string | undefined;
  /** A matmul reads its operand through this view instead of having it stored first. */
  readonly inPlace?: boolean | undefined;
}
/** Defined by other ops; the compiler writes it out before it plans. */
export interface ComposedKernel<O = Options, A extends Inputs = Inputs> {
  readonly kind: 'composed';
  compose(inputs: Each<A, Tensor>, options: O): Tensor;
}
/** The kernel of an op of whole tensors. */
export type Kernel<O = Options, A extends Inputs = Inputs> =
  | IndexKernel<O, A>
  /** Elements along `options.axes` folded into one, in ascending order. */
  | { readonly kind: 'reduce'; readonly name: 'sum' | 'max' | 'min' | 'arg_max' }
  /** C = op(A) · op(B), batched. */
  | { readonly kind: 'matmul' }
  /** out[r, :] = Σ over positions p with indices[p] = r of values[p, :], in ascending p, without atomics. */
  | { readonly kind: 'scatter' }
  | WrittenKernel<O, A>
  /** One of the outputs of the op of several outputs that is its input: number `options.index`. */
  | { readonly kind: 'output' }
  /** A value that exists before the graph runs. */
  | { readonly kind: 'leaf'; readonly holds: LeafKind };

/** What a leaf is: a place that each run feeds, a value that lives in each engine, or one that the graph brings. */
export type LeafKind = 'input' | 'parameter' | 'constant';

/** A kernel that is written out in WGSL, entry point and all. */
interface WrittenText<O, A extends Inputs> {
  /**
   * Declares an entry point. Inputs are bound in order as `in0`, `in1`, …, outputs as `out0`, …: arrays of f32, i32 or u32
   * (bools as 0 and 1) with as many elements as their shapes have. What is f16 in the graph is f32 here.
   */
  readonly wgsl: string;
  /** The entry point's name, `main` unless given. */
  readonly entry?: string | undefined;
  /** Numbers that the WGSL knows by these names, from the shapes of the inputs; finite. */
  constants?(shapes: Each<A, Shape>, options: O): Readonly<Record<string, number | undefined>>;
  /**
   * Workgroups along x, y and z, from the shapes of the inputs. Where x is above 65,535 they lie in rows along y, the last one
   * filled up: a kernel that may have so many takes `group.x + group.y * groups.x` of `workgroup_id` and `num_workgroups`.
   */
  workgroups(shapes: Each<A, Shape>, options: O): readonly [x: number, y: number, z: number];
}
/** The kind of adapter, which decides between kernels of one meaning. */
export type AdapterClass = 'swiftshader' | 'lavapipe' | 'gpu';
/** A kernel of the record's own, for what composed kernels do not do well enough. One dispatch. */
export interface WrittenKernel<O = Options, A extends Inputs = Inputs> extends WrittenText<O, A> {
  readonly kind: 'written';
  /**
   * What is different for classes of adapters. They may add in another order, within the record's bound: bits are a function of op,
   * shapes and class.
   */
  readonly variants?:
    | Readonly<Partial<Record<AdapterClass, Partial<WrittenText<O, A>>>>>
    | undefined;
}

/** Float64 meaning of a pointwise op, of one element of each input. */
export type ScalarReference<A extends readonly number[] = readonly number[]> = (
  ...inputs: A
) => number;
/** What a value is like: its shape and its dtype. */
export type Form = { readonly shape: Shape; readonly dtype: DType };

/** What computing one element once more costs: nothing but its place, an operation or two, more, or a hundred. */
export type Cost = 'free' | 'cheap' | 'dear' | 'heavy';

/** What the compiler must know of an op, beside its rules. It knows no op by its name. */
export interface Traits<O, A extends Inputs> {
  /** Whether an expression may be computed again in another kernel instead of being stored: 'dear' where it does not say. */
  readonly cost?: Cost;
  /**
   * The elements are those of the first input: all of them in their order under another shape, repeated, with axes exchanged, a
   * block of them, or just the same.
   */
  readonly view?: 'reshape' | 'repeat' | 'permute' | 'block' | 'same';
  /** Its inputs lie in it as they are: side by side along `options.axis`, or the first within a frame of `options.value`. */
  readonly contains?: 'joined' | 'framed';
  /** Whole numbers pass through it unchanged. */
  readonly passesIntegers?: boolean;
  /** A number which, as the right operand, leaves the left one as it is. */
  readonly neutral?: number;
  /** The operands may be exchanged. */
  readonly commutes?: boolean;
  /** Floats that it compares must be read from where they were stored: computed again they may differ in a bit. */
  readonly comparesBits?: boolean;
  /** The input that names elements, whole numbers below `size`. */
  picks?(inputs: Each<A, Tensor>, options: O): { readonly indices: Tensor; readonly size: number };
}

/** An op is one record: its shape, its gradient, its float64 reference, its WGSL and its error bound. */
export interface Rules<O, A extends Inputs> extends Traits<O, A> {
  readonly name: string;
  /** Defaults to `options.shape`, else to NumPy broadcasting of the inputs. */
  shape?(inputs: Each<A, Tensor>, options: O): Shape;
  /** Defaults to `options.dtype`, else to the dtype that all inputs share. */
  dtype?(inputs: Each<A, Tensor>, options: O): DType;
  /** Which dtypes the inputs may have; floats unless said otherwise. */
  readonly accepts?: 'float' | 'number' | 'any';
  /** Cotangents of the inputs, in graph ops; undefined where an input has no derivative. */
  vjp?(context: VjpContext<O, A>): readonly (Tensor | undefined)[];
  /**
   * The same in other ops: what is differentiated where there is no `vjp`, and of a written kernel where a cotangent has
   * leading axes.
   */
  definition?(inputs: Each<A, Tensor>, options: O): Tensor;
  /** Of ops of several outputs alone: see `SeveralRecord`. */
  readonly outputs?: undefined;
  /** Tangent of the output; derived from `vjp` when absent. */
  jvp?(context: JvpContext<O, A>): Tensor;
  /** Error allowed against the reference of the same f32 inputs; none when absent. */
  readonly bound?: Bound<Each<A, TensorData>, O>;
  /** Output errors that input errors cause; found by shifting the inputs when absent. */
  propagate?(
    inputs: Each<A, TensorData>,
    errors: Each<A, Float64Array>,
    output: TensorData,
    options: O,
  ): Float64Array;
}
/** An op of scalars, applied to each element. The parameters of its reference are its inputs. */
export interface PointwiseRecord<O = Options, A extends readonly number[] = readonly number[]>
  extends Rules<O, A> {
  readonly kernel: PointwiseKernel;
  reference(...inputs: A): number;
  /** The same for i32 and u32, where it is another: what wraps may have more digits than float64. */
  integers?(...inputs: A): number;
}
/** An op of whole tensors; `defineOp<[a: Tensor, b: Tensor]>` tells how many. */
export interface TensorRecord<O = Options, A extends Inputs = Inputs> extends Rules<O, A> {
  readonly kernel: Kernel<O, A>;
  /** Float64 meaning: of whole tensors, or their elements alone. */
  reference(inputs: Each<A, TensorData>, options: O, output: Form): TensorData | TypedArray;
}
/**
 * An op that others define. Where its kernel is composed of them, their references are its reference, and their bounds,
 * carried through, its bound.
 */
export interface DefinedRecord<O = Options, A extends Inputs = Inputs> extends Rules<O, A> {
  readonly kernel: ComposedKernel<O, A> | WrittenKernel<O, A>;
  readonly reference?: undefined;
}
/** The node that a rule is asked about. */
interface SeveralContext<O, A extends Inputs> {
  readonly inputs: Each<A, Tensor>;
  readonly outputs: readonly Tensor[];
  readonly options: O;
}
/** What a vjp rule of several outputs sees. */
export interface SeveralVjpContext<O = Options, A extends Inputs = Inputs>
  extends SeveralContext<O, A> {
  /** One for each output, of shape E ++ output.shape; undefined where nothing depends on the output. */
  readonly cotangents: readonly (Tensor | undefined)[];
  /** The sizes of E. */
  readonly lead: Shape;
  /** Which inputs' cotangents will be used; a rule may leave the others out. */
  readonly wanted: Each<A, boolean>;
}
export interface SeveralJvpContext<O = Options, A extends Inputs = Inputs>
  extends SeveralContext<O, A> {
  /** One for each input, of its shape; undefined where it is zero. */
  readonly tangents: Each<A, Tensor | undefined>;
}

/** Outputs that are defined by other ops. */
interface ComposedOutputs<O, A extends Inputs> {
  readonly kind: 'composed';
  compose(inputs: Each<A, Tensor>, options: O): readonly Tensor[];
}
/** An op of several outputs. Its function returns a list of tensors, one for each. */
export interface SeveralRecord<O = Options, A extends Inputs = Inputs>
  extends Traits<O, A>,
    Pick<Rules<O, A>, 'name' | 'accepts' | 'shape' | 'dtype'> {
  /** Shape and dtype of each output: there is no `shape` nor `dtype` beside it. */
  outputs(inputs: Each<A, Tensor>, options: O): readonly Form[];
  /** Cotangents of the inputs, in graph ops; undefined where an input has no derivative. */
  vjp?(context: SeveralVjpContext<O, A>): readonly (Tensor | undefined)[];
  /** The same in other ops: what is differentiated where there is no `vjp`. */
  definition?(inputs: Each<A, Tensor>, options: O): readonly Tensor[];
  /** Tangents of the outputs, undefined where zero; derived from `vjp` when absent. */
  jvp?(context: SeveralJvpContext<O, A>): readonly (Tensor | undefined)[];
  readonly propagate?: undefined;
  /** Error allowed against the reference of the same f32 inputs: one for each output, or one for all. */
  readonly bound?: Bound<Each<A, TensorData>, O> | readonly Bound<Each<A, TensorData>, O>[];
  readonly kernel: WrittenKernel<O, A> | ComposedOutputs<O, A>;
  /** Float64 meaning: a value for each output, or its elements alone. Absent where the kernel is composed. */
  reference?(
    inputs: Each<A, TensorData>,
    options: O,
    outputs: readonly Form[],
  ): readonly (TensorData | TypedArray)[];
}

/** What `defineOp` takes. */
export type OpRecord<O = Options, A extends Inputs = Inputs> =
  | PointwiseRecord<O>
  | TensorRecord<O, A>
  | DefinedRecord<O, A>;
/** A record whatever its inputs and options: what a node of the graph holds. */
export type Op = (OpRecord | SeveralRecord) & {
  /** Set by `defineOp`. */
  readonly byUser?: true;
};
