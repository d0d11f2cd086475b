// Ops from records: the functions that `defineOp` and its like make, which apply a record to tensors.
import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type {
  ComposedRecord,
  Cost,
  Form,
  IndexKernel,
  OpRecord,
  Options,
  PointwiseRecord,
  TensorRecord,
} from './op.js';
import { outputsOf, type SeveralRecord } from './several.js';
import { apply, lift, type Tensor, type TensorLike } from './tensor.js';

type NoOptions = Record<string, never>;
/** A function of tensors that returns a node of the graph; numbers become tensors. */
export type OpFunction = (...inputs: TensorLike[]) => Tensor;
/** A function of one tensor. */
export type Unary = (x: TensorLike) => Tensor;
/** A function of two tensors, which broadcast. */
export type Binary = (a: TensorLike, b: TensorLike) => Tensor;

/** What a record may have beside its name, kernel and reference. */
const RULES =
  'reference shape dtype outputs accepts vjp jvp definition bound propagate integers ' + // and traits
  'cost view contains passesIntegers neutral commutes comparesBits picks';

/** Makes an op of several outputs from its record: a function that returns a list of tensors, one for each. */
export function defineOp<const F extends readonly Form[]>(
  record: Omit<SeveralRecord<NoOptions>, 'outputs'> & {
    readonly outputs: (inputs: readonly Tensor[]) => F;
  },
): (...inputs: TensorLike[]) => { [K in keyof F]: Tensor };
/**
 * Makes an op from its record: a function of tensors that returns a node of the graph; numbers become tensors.
 * Nabla's own ops are made in the same way; see the record's fields. The function throws NablaError if the number of
 * inputs differs from the number of parameters of a pointwise op's reference.
 */
export function defineOp(record: PointwiseRecord<NoOptions>): OpFunction;
/** The same for an op of whole tensors: its reference takes and returns the values of tensors. */
export function defineOp(record: TensorRecord<NoOptions>): OpFunction;
export function defineOp(record: OpRecord<NoOptions> | SeveralRecord<NoOptions>): unknown {
  checkRecord(record);
  const own = { ...record, byUser: true } as const;
  if (!own.outputs) return opFunction(own);
  const call = defineSeveral<NoOptions>(own);
  return withRecord((...inputs: TensorLike[]) => call(inputs, {}), own);
}

/** Throws NablaError for a record that lacks what it needs, or has what it must not have. */
function checkRecord(record: OpRecord<NoOptions> | SeveralRecord<NoOptions>): void {
  const isDefined = record.kernel?.kind === 'composed' || record.definition !== undefined;
  checkOptions('defineOp', record, isDefined ? 'name kernel' : 'name kernel reference', RULES);
  const { name, kernel } = record;
  if (record.outputs && (record.shape || record.dtype))
    throw new NablaError(
      `defineOp: ${name} has outputs, and a shape or dtype beside them; leave these out`,
    );
  if (!kernel.kind)
    throw new NablaError(
      `defineOp: the kernel of ${name} is ${typeof kernel}; make it with pointwise(…)`,
    );
}

/** The record behind a function that makes nodes. */
export interface Recorded<O extends Options> {
  readonly record: OpRecord<O> | SeveralRecord<O>;
}

/** @internal Whether a node is of an op. */
export const isOf = <O extends Options>({ op }: Tensor, { record }: Recorded<O>): boolean =>
  op === (record as unknown);

/** The function, which a console shows as [Function: relu], with its record. */
const withRecord = <F extends object, O extends Options>(
  call: F,
  record: OpRecord<O> | SeveralRecord<O>,
) =>
  Object.defineProperties(call, { name: { value: record.name }, record: { value: record } }) as F &
    Recorded<O>;

function opFunction(record: OpRecord<NoOptions>): OpFunction & Recorded<NoOptions> {
  const { name, kernel, reference } = record;
  const arity = kernel.kind === 'pointwise' ? reference?.length : undefined;
  const call: OpFunction = (...inputs) => {
    if (inputs.length !== (arity ?? inputs.length))
      throw new NablaError(
        `${name}: inputs: ${arity} expected, ${inputs.length} given; pass one for each`,
      );
    return apply(record, lift(name, inputs), {});
  };
  return withRecord(call, record);
}

type PointwiseRules = Omit<PointwiseRecord<NoOptions>, 'name' | 'kernel' | 'cost'> & {
  readonly cost: Cost;
};
/** @internal A pointwise op: its name, its WGSL function and its rules; exact unless they say a bound. */
export const definePointwise = (
  name: string,
  kernel: PointwiseRecord['kernel'],
  rules: PointwiseRules,
) => opFunction({ bound: { ulp: 0 }, ...rules, name, kernel });

/** Makes an op that takes tensors and options. */
export function defineOpWith<O extends Options>(record: TensorRecord<O> | ComposedRecord<O>) {
  const call = (inputs: readonly TensorLike[], options: O): Tensor =>
    apply(record, lift(record.name, inputs), options);
  return withRecord(call, record as OpRecord<O>);
}

/** Makes an op of several outputs that takes tensors and options. */
export function defineSeveral<O extends Options>(record: SeveralRecord<O>) {
  const call = (inputs: readonly TensorLike[], options: O): Tensor[] =>
    outputsOf(apply(record, lift(record.name, inputs), options));
  return withRecord(call, record);
}

type IndexRules<O extends Options> = Omit<TensorRecord<O>, 'kernel' | 'cost'> &
  Omit<IndexKernel<O>, 'kind'> & { readonly cost: Cost };
/** @internal An op of any dtype whose elements are read from its inputs at places that `write` tells. */
export const defineIndex = <O extends Options>({
  write,
  source,
  inPlace,
  ...rules
}: IndexRules<O>) => {
  const kernel = { kind: 'index', write, source, inPlace } as const;
  return defineOpWith<O>({ accepts: 'any', bound: { ulp: 0 }, ...rules, kernel });
};
