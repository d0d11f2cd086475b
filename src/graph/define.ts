// Ops from records: the functions that `defineOp` and its like make, which apply a record to tensors.
import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type {
  AnyRecord,
  DefinedRecord,
  Each,
  Forms,
  IndexKernel,
  Inputs,
  NoOptions,
  OpRecord,
  Options,
  PointwiseRecord,
  Scalars,
  SeveralRecord,
  Some,
  TensorRecord,
  WholeRecord,
  WrittenKernel,
} from './op.js';
import { definitionOf, pointwise } from './record.js';
import { checkedNode } from './rules.js';
import { outputsOf } from './several.js';
import { apply, lift, type Recorded, type Tensor, type TensorLike } from './tensor.js';
import type { Cost } from './traits.js';

type Operands<A extends Inputs> = Each<A, TensorLike>;

/** A function of tensors that returns a node of the graph; numbers become tensors. `A` counts them. */
export type OpFunction<A extends Inputs = Inputs> = (...inputs: Operands<A>) => Tensor;
/** A function of one tensor. */
export type Unary = (x: TensorLike) => Tensor;
/** A function of two tensors, which broadcast. */
export type Binary = (a: TensorLike, b: TensorLike) => Tensor;

/** What a record may have beside its name, kernel and reference: rules and traits. */
const RULES =
  'reference shape dtype outputs accepts vjp jvp definition bound propagate integers cost recomputable view readsInPlace contains passesIntegers neutral commutes comparesBits multiplies picks';

/** A record of as many outputs as there are forms. */
type FormsRecord<F extends Forms, A extends Inputs> = Omit<
  SeveralRecord<NoOptions, A>,
  'outputs'
> & {
  readonly outputs: (inputs: Each<A, Tensor>) => F;
};
/** A function of tensors that returns a list of nodes, one for each form. */
type FormsFunction<F extends Forms, A extends Inputs> = (...inputs: Operands<A>) => {
  [K in keyof F]: Tensor;
};

/** Makes an op of several outputs from its record: a function that returns a list of tensors, one for each. */
export function defineOp<const F extends Forms, A extends Inputs = Some>(
  record: FormsRecord<F, A>,
): FormsFunction<F, A>;
// Overloads are tried in order: what has outputs, or a kernel of whole tensors, is told from an op of scalars by that.
/** Makes an op of whole tensors: its reference takes and returns the values of tensors. */
export function defineOp<A extends Inputs = Some>(
  record: TensorRecord<NoOptions, A>,
): OpFunction<A>;
/** The same for an op that is defined by other ops. */
export function defineOp<A extends Inputs = Some>(
  record: DefinedRecord<NoOptions, A>,
): OpFunction<A>;
/**
 * Makes an op from its record: a function of tensors that returns a node of the graph; numbers become tensors.
 * Nabla's own ops are made in the same way; see the record's fields. The function throws NablaError if the number of
 * inputs differs from the number of parameters of a pointwise op's reference.
 */
export function defineOp<A extends Scalars>(record: PointwiseRecord<NoOptions, A>): OpFunction<A>;
export function defineOp(record: AnyRecord<NoOptions>): unknown {
  checkRecord(record);
  const own = { ...record, byUser: true } as const;
  if (!own.outputs) return opFunction(own, checkedNode);
  return withRecord((...inputs: TensorLike[]) => {
    const make = () => apply(own, lift(own.name, inputs), {});
    return outputsOf(checkedNode(own.name, inputs, make));
  }, own);
}

/** The kinds of kernels that records of users may have, with what such a kernel needs and what it may have beside that. */
const kinds: Readonly<Record<string, readonly [needed: string, known: string]>> = {
  pointwise: ['kind name source', 'file'],
  index: ['kind write', 'source'],
  reduce: ['kind name', ''],
  matmul: ['kind', ''],
  scatter: ['kind', ''],
  composed: ['kind compose', ''],
  written: ['kind wgsl workgroups', 'entry constants variants'],
};
const CLASSES = 'swiftshader lavapipe gpu';
const TEXT = 'wgsl entry constants workgroups';

/** Throws NablaError for a hand-written kernel whose text, workgroups or variants are not what they are to be. */
function checkWritten(op: string, { wgsl, workgroups, variants = {} }: WrittenKernel): void {
  if (typeof wgsl !== 'string' || typeof workgroups !== 'function')
    throw new NablaError(`${op}: wgsl is a text, and workgroups a function of the inputs' shapes`);
  checkOptions<object, string, string>(`${op}: its variants`, variants, '', CLASSES);
  for (const [adapterClass, variant] of Object.entries(variants))
    checkOptions<object, string, string>(`${op}: its variant ${adapterClass}`, variant, '', TEXT);
}

/** Throws NablaError for a record that lacks what it needs, or has what it must not have. */
function checkRecord(record: AnyRecord<NoOptions>): void {
  const { name, kernel, reference } = checkOptions('defineOp', record, 'name kernel', RULES);
  if (record.outputs && (record.shape || record.dtype))
    throw new NablaError(
      `defineOp: ${name} has outputs, and a shape or dtype beside them; leave these out`,
    );
  if (!kernel.kind)
    throw new NablaError(
      `defineOp: the kernel of ${name} is ${typeof kernel}; make it with pointwise(…)`,
    );
  const fields = Object.hasOwn(kinds, kernel.kind) && kinds[kernel.kind];
  if (!fields)
    throw new NablaError(
      `defineOp: the kernel of ${name} is of kind '${kernel.kind}'; use ${Object.keys(kinds).join(', ')}`,
    );
  const op = `defineOp: the kernel of ${name}`;
  checkOptions<object, string, string>(op, kernel, ...fields);
  if (kernel.kind === 'written') checkWritten(op, kernel);
  if (!reference && !definitionOf(record))
    throw new NablaError(
      `defineOp: reference is missing; give ${name} its float64 meaning, or a definition in other ops`,
    );
}

/** The function, which a console shows as [Function: relu], with its record. */
function withRecord<F extends object, O extends Options, A extends Inputs>(
  call: F,
  record: AnyRecord<O, A>,
) {
  const properties = { name: { value: record.name }, record: { value: record } };
  return Object.defineProperties(call, properties) as F & Recorded<O, A>;
}

/** How the node of a call is made: as it is unless it says otherwise. */
type MakeNode = (op: string, inputs: readonly unknown[], make: () => Tensor) => Tensor;

function opFunction<A extends Inputs>(
  record: OpRecord<NoOptions, A>,
  makeNode: MakeNode = (_op, _inputs, make) => make(),
) {
  const { name, kernel, reference } = record;
  const arity = kernel.kind === 'pointwise' ? reference?.length : undefined;
  const call: OpFunction<A> = (...inputs) => {
    if (inputs.length !== (arity ?? inputs.length))
      throw new NablaError(
        `${name}: inputs: ${arity} expected, ${inputs.length} given; pass one for each`,
      );
    return makeNode(name, inputs, () => apply(record, lift(name, inputs), {}));
  };
  return withRecord(call, record);
}

/** Nabla's own ops say their cost. */
type Costed = { readonly cost: Cost };
/** The rules of a pointwise op. */
export type PointwiseRules<A extends Scalars> = Costed &
  Omit<PointwiseRecord<NoOptions, A>, 'name' | 'kernel' | 'cost'>;
/** @internal Makes pointwise ops from their names, WGSL functions in `source` and rules; exact unless those say a bound. */
export function pointwiseIn(source: string) {
  return <A extends Scalars>(name: string, wgsl: string, rules: PointwiseRules<A>) => {
    const kernel = pointwise(wgsl, source);
    return opFunction<A>({ bound: { ulp: 0 }, ...rules, name, kernel });
  };
}

/** A function of a list of tensors, and of options. */
type CallWith<O extends Options, A extends Inputs, R> = (inputs: Operands<A>, options: O) => R;
/** The same with its record. */
export type OpWith<O extends Options, A extends Inputs> = Recorded<O, A> & CallWith<O, A, Tensor>;
/** Makes an op that takes tensors and options. */
export function defineOpWith<O extends Options, A extends Inputs>(
  record: WholeRecord<O, A>,
): OpWith<O, A> {
  const call: CallWith<O, A, Tensor> = (inputs, options) =>
    apply(record, lift(record.name, inputs), options);
  return withRecord<typeof call, O, A>(call, record);
}

/** Makes an op of several outputs that takes tensors and options. */
export function defineSeveral<O extends Options, A extends Inputs>(record: SeveralRecord<O, A>) {
  const call: CallWith<O, A, readonly Tensor[]> = (inputs, options) => {
    const operands = lift(record.name, inputs);
    return outputsOf(apply(record, operands, options));
  };
  return withRecord<typeof call, O, A>(call, record);
}

type Written<O extends Options, A extends Inputs> = Omit<IndexKernel<O, A>, 'kind'>;
type IndexRules<O extends Options, A extends Inputs> = Costed &
  Written<O, A> &
  Omit<TensorRecord<O, A>, 'kernel' | 'cost'>;
/** @internal An op of any dtype whose elements are read from its inputs at places that `write` tells. */
export function defineIndex<O extends Options, A extends Inputs>({
  write,
  source,
  ...rules
}: IndexRules<O, A>) {
  const kernel = { kind: 'index', write, source } as const;
  return defineOpWith<O, A>({ accepts: 'any', bound: { ulp: 0 }, ...rules, kernel });
}
