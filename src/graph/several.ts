// Ops of several outputs. One node computes them all, and has no value of its own; for each output there is a node that
// takes it from there. Only the latter are seen by who calls the op.
import type { Bound } from '../core/bounds.js';
import type { TensorData, TypedArray } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type {
  Each,
  Form,
  Inputs,
  One,
  Options,
  Rules,
  TensorRecord,
  Traits,
  WrittenKernel,
} from './op.js';
import { apply, type Tensor } from './tensor.js';

/** The node that a rule is asked about. */
interface SeveralContext<O extends Options, A extends Inputs> {
  readonly inputs: Each<A, Tensor>;
  readonly outputs: readonly Tensor[];
  readonly options: O;
}
/** What a vjp rule of several outputs sees. */
export interface SeveralVjpContext<O extends Options = Options, A extends Inputs = Inputs>
  extends SeveralContext<O, A> {
  /** One for each output, of shape E ++ output.shape; undefined where nothing depends on the output. */
  readonly cotangents: readonly (Tensor | undefined)[];
  /** The sizes of E. */
  readonly lead: Shape;
  /** Which inputs' cotangents will be used; a rule may leave the others out. */
  readonly wanted: Each<A, boolean>;
}
export interface SeveralJvpContext<O extends Options = Options, A extends Inputs = Inputs>
  extends SeveralContext<O, A> {
  /** One for each input, of its shape; undefined where it is zero. */
  readonly tangents: Each<A, Tensor | undefined>;
}

/** Outputs that are defined by other ops. */
interface ComposedOutputs<O extends Options, A extends Inputs> {
  readonly kind: 'composed';
  compose(inputs: Each<A, Tensor>, options: O): readonly Tensor[];
}
/** An op of several outputs. Its function returns a list of tensors, one for each. */
export interface SeveralRecord<O extends Options = Options, A extends Inputs = Inputs>
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

export type OutputOptions = { readonly index: number };
/** Takes one output from the node that computes several. */
const outputOp: TensorRecord<OutputOptions, One> = {
  name: 'output',
  cost: 'free',
  accepts: 'any',
  shape: ([call], { index }) => call.outputs![index]!.shape,
  dtype: ([call], { index }) => call.outputs![index]!.dtype,
  reference: ([x]) => x,
  kernel: { kind: 'output' },
};

/** The outputs of a node that computes several, one node for each. */
export const outputsOf = (call: Tensor): Tensor[] =>
  call.outputs!.map((_, index) => apply(outputOp, [call], { index }));

/** Which output of its input a node takes; undefined of all other nodes. */
export const outputIndex = ({ op, options }: Tensor): number | undefined =>
  op.kernel.kind === 'output' ? (options as OutputOptions).index : undefined;

/** What a value is computed from: an output of several by the inputs of the node that computes them all. */
export const sourcesOf = ({ inputs }: Tensor): readonly Tensor[] =>
  inputs.flatMap((input) => (input.outputs ? input.inputs : input));

/** A list for the outputs of a node, with what one of them has. */
export const onlyAt = <T>(call: Tensor, index: number, value: T): (T | undefined)[] =>
  call.outputs!.map((_, i) => (i === index ? value : undefined));
