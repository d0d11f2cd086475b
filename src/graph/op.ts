// The op record: what an op defines (shape, derivative, kernel, reference, error bound).
import type { Bound, Bounds } from '../core/bounds.js';
import type { DType, TensorData, TypedArray } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type { Tensor } from './tensor.js';
import type { ComputationTraits, PlaceTraits } from './traits.js';

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
/** What counts the inputs of a pointwise op: the parameters of its reference. */
export type Scalars = readonly number[];
/** The inputs of an op of one tensor. */
export type One = readonly [x: Tensor];
/** The inputs of an op of two tensors. */
export type Two = readonly [a: Tensor, b: Tensor];
/** One or more: what an op of whole tensors has that does not say how many. */
export type Some = readonly [x: Tensor, ...others: Tensor[]];

/** The inputs of a node, and their values. */
type Operands<A extends Inputs> = Each<A, Tensor>;
type Values<A extends Inputs> = Each<A, TensorData>;
/** One for each input or output; undefined where there is none, or where it is zero. */
export type Derivatives = readonly (Tensor | undefined)[];

// Rules are declared as methods, so that a record for some inputs and options is a record for any.

/** The node that a rule is asked about. */
export interface RuleContext<O, A extends Inputs> {
  readonly inputs: Operands<A>;
  readonly output: Tensor;
  readonly options: O;
}
/** What any vjp rule sees. Cotangents have extra leading axes E, usually none. */
interface Pulled<A extends Inputs> {
  /** The sizes of E. */
  readonly lead: Shape;
  /** Which inputs' cotangents will be used; a rule may leave the others out. */
  readonly wanted: Each<A, boolean>;
}
/** What a vjp rule sees. */
export interface VjpContext<O = Options, A extends Inputs = Inputs>
  extends RuleContext<O, A>,
    Pulled<A> {
  /** Of shape E ++ output.shape. */
  readonly cotangent: Tensor;
}
export interface JvpContext<O = Options, A extends Inputs = Inputs> extends RuleContext<O, A> {
  /** One for each input, of its shape; undefined where it is zero. But for pointwise ops they may be stacked: E ++ shape. */
  readonly tangents: Each<A, Tensor | undefined>;
}
/** WGSL u32 expressions, one for each axis. */
type Coordinates = readonly string[];
/** Dtypes of the names that an index kernel may give. */
type NamedType = 'u32' | 'i32' | 'f32' | 'bool';
/** How an index kernel writes WGSL. */
interface IndexWriter {
  /** WGSL expression of an input's element at coordinates, or at a row-major index. */
  read(input: number, at: Coordinates | string): string;
  /** Names an expression, so that it is computed once. */
  let(type: NamedType, expression: string): string;
}
/** What an index kernel sees while its WGSL expression for one output element is written. */
export interface IndexContext<O = Options, A extends Inputs = Inputs>
  extends RuleContext<O, A>,
    IndexWriter {
  /** The coordinates of the output element. */
  readonly coordinates: Coordinates;
  /** WGSL u32 expression: the row-major index of the output element. */
  readonly flat: string;
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
}
/** Defined by other ops; the compiler writes it out before it plans. */
interface Composed<O, A extends Inputs, Result> {
  readonly kind: 'composed';
  /** `inPlace` says that products of this class of adapters read through views: nothing has to be written out for them. */
  compose(inputs: Operands<A>, options: O, inPlace?: boolean): Result;
}
export type ComposedKernel<O = Options, A extends Inputs = Inputs> = Composed<O, A, Tensor>;
/** The kernel of an op of whole tensors. */
export type Kernel<O = Options, A extends Inputs = Inputs> =
  | IndexKernel<O, A>
  /** Elements along `options.axes` folded into one, in ascending order. */
  | { readonly kind: 'reduce'; readonly name: 'sum' | 'max' | 'min' | 'arg_max' }
  /** C = op(A) · op(B), batched. */
  | { readonly kind: 'matmul' }
  /** out[r, :] = Σ over positions p with indices[p] = r of values[p, :], in ascending p, without atomics. */
  | { readonly kind: 'scatter' }
  /** The sums of a WGSL function over the pieces of all inputs, as `piecesOf` in ops/totals.ts has them; of Nabla's own. */
  | { readonly kind: 'across'; readonly name: string; readonly source: string }
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
  /**
   * Numbers that the WGSL knows by these names, from the shapes of the inputs; finite. A whole number is an integer there, so
   * that `N / 2` rounds down: write f32(N) where it may be whole and a float is meant.
   */
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
export type ScalarReference<A extends Scalars = Scalars> = (...inputs: A) => number;
/** What a value is like: its shape and its dtype. */
export type Form = { readonly shape: Shape; readonly dtype: DType };
export type Forms = readonly Form[];

/** Whole numbers below `size`. */
type Picked = { readonly indices: Tensor; readonly size: number };
/** What the compiler must know of an op, beside its rules. It knows no op by its name. */
interface Traits<O, A extends Inputs> extends PlaceTraits, ComputationTraits {
  /** The input that names elements. */
  picks?(inputs: Operands<A>, options: O): Picked;
}

/** What an op takes, and what its output is like. */
interface FormRules<O, A extends Inputs> {
  readonly name: string;
  /** Defaults to `options.shape`, else to NumPy broadcasting of the inputs. */
  shape?(inputs: Operands<A>, options: O): Shape;
  /** Defaults to `options.dtype`, else to the dtype that all inputs share. */
  dtype?(inputs: Operands<A>, options: O): DType;
  /** Which dtypes the inputs may have; floats unless said otherwise. */
  readonly accepts?: 'float' | 'number' | 'any';
}
/** The derivatives of an op. */
interface DerivativeRules<O, A extends Inputs> {
  /** Cotangents of the inputs, in graph ops; undefined where an input has no derivative. */
  vjp?(context: VjpContext<O, A>): Derivatives;
  /** Tangent of the output; derived from `vjp` when absent. */
  jvp?(context: JvpContext<O, A>): Tensor;
  /**
   * The same op in others: what is differentiated where there is no `vjp`, and of a written kernel where a cotangent has
   * leading axes.
   */
  definition?(inputs: Operands<A>, options: O): Tensor;
}
/** How far results may be from the reference. */
interface ErrorRules<O, A extends Inputs> {
  /** Error allowed against the reference of the same f32 inputs; none when absent. */
  readonly bound?: Bound<Values<A>, O>;
  /** Output errors that input errors cause; found by shifting the inputs when absent. */
  propagate?(
    inputs: Values<A>,
    errors: Each<A, Float64Array>,
    output: TensorData,
    options: O,
  ): Float64Array;
}

/** An op is one record: its shape, its gradient, its float64 reference, its WGSL and its error bound. */
interface Rules<O, A extends Inputs>
  extends Traits<O, A>,
    FormRules<O, A>,
    DerivativeRules<O, A>,
    ErrorRules<O, A> {
  /** Of ops of several outputs alone: see `SeveralRecord`. */
  readonly outputs?: undefined;
}
/** What a reference gives: the value of a tensor, or its elements alone. */
type Computed = TensorData | TypedArray;
/** An op of scalars, applied to each element. The parameters of its reference are its inputs. */
export interface PointwiseRecord<O = Options, A extends Scalars = Scalars> extends Rules<O, A> {
  readonly kernel: PointwiseKernel;
  reference(...inputs: A): number;
  /** The same for i32 and u32, where it is another: what wraps may have more digits than float64. */
  integers?(...inputs: A): number;
}
/** An op of whole tensors; `defineOp<[a: Tensor, b: Tensor]>` tells how many. */
export interface TensorRecord<O = Options, A extends Inputs = Inputs> extends Rules<O, A> {
  readonly kernel: Kernel<O, A>;
  /** Float64 meaning. */
  reference(inputs: Values<A>, options: O, output: Form): Computed;
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
  readonly inputs: Operands<A>;
  readonly outputs: readonly Tensor[];
  readonly options: O;
}
/** What a vjp rule of several outputs sees. */
export interface SeveralVjpContext<O = Options, A extends Inputs = Inputs>
  extends SeveralContext<O, A>,
    Pulled<A> {
  /** One for each output, of shape E ++ output.shape; undefined where nothing depends on the output. */
  readonly cotangents: Derivatives;
}
export interface SeveralJvpContext<O = Options, A extends Inputs = Inputs>
  extends SeveralContext<O, A> {
  /** One for each input, of its shape; undefined where it is zero. */
  readonly tangents: Each<A, Tensor | undefined>;
}

/** An op of several outputs. Its function returns a list of tensors, one for each. */
export interface SeveralRecord<O = Options, A extends Inputs = Inputs>
  extends Traits<O, A>,
    FormRules<O, A> {
  /** Shape and dtype of each output: there is no `shape` nor `dtype` beside it. */
  outputs(inputs: Operands<A>, options: O): Forms;
  /** Cotangents of the inputs, in graph ops; undefined where an input has no derivative. */
  vjp?(context: SeveralVjpContext<O, A>): Derivatives;
  /** The same in other ops: what is differentiated where there is no `vjp`. */
  definition?(inputs: Operands<A>, options: O): readonly Tensor[];
  /** Tangents of the outputs, undefined where zero; derived from `vjp` when absent. */
  jvp?(context: SeveralJvpContext<O, A>): Derivatives;
  readonly propagate?: undefined;
  /** Errors allowed against the reference of the same f32 inputs; none when absent. */
  readonly bound?: Bounds<Values<A>, O>;
  readonly kernel: WrittenKernel<O, A> | Composed<O, A, readonly Tensor[]>;
  /** Float64 meaning, one for each output. Absent where the kernel is composed. */
  reference?(inputs: Values<A>, options: O, outputs: Forms): readonly Computed[];
}

/** What computes a whole tensor from whole tensors. */
export type WholeRecord<O = Options, A extends Inputs = Inputs> =
  | TensorRecord<O, A>
  | DefinedRecord<O, A>;
/** What `defineOp` takes for an op of one output. */
export type OpRecord<O = Options, A extends Inputs = Inputs> =
  | PointwiseRecord<O>
  | WholeRecord<O, A>;
/** An op's record, of one output or of several. */
export type AnyRecord<O = Options, A extends Inputs = Inputs> =
  | OpRecord<O, A>
  | SeveralRecord<O, A>;
/** A record whatever its inputs and options: what a node of the graph holds. */
export type Op = AnyRecord & {
  /** Set by `defineOp`. */
  readonly byUser?: true;
};
