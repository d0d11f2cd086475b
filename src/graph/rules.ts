// Checks of what the rules of a record return, which for users' records may be anything.
import { isFloat } from '../core/dtype.js';
import { DTypeError, NablaError, ShapeError } from '../core/errors.js';
import { formatShape, type Shape, sameShape } from '../core/shape.js';
import type { Form, Forms, Op } from './op.js';
import { definitionOf } from './record.js';
import { checkTensors, type Tensor } from './tensor.js';

/** What rules return, and what each of these belongs to. */
const returned = {
  vjp: ['cotangents', 'input'],
  jvp: ['tangents', 'output'],
  definition: ['tensors', 'output'],
} as const;
type Rule = keyof typeof returned;
type Results = readonly (Tensor | undefined)[];

/** Throws NablaError for another number than `count`, ShapeError for what is no tensor; some may be undefined. */
export function checkCount({ name }: Op, rule: Rule, given: Results, count: number): void {
  const [what, of] = returned[rule];
  if (given?.length !== count) {
    const fact = `its ${rule} returned ${given?.length ?? 'no'} ${what} for ${count} ${of}s`;
    const fix = rule === 'definition' ? '' : ', undefined where there is no derivative';
    throw new NablaError(`${name}: ${fact}; return one for each${fix}`);
  }
  checkTensors(`${name}: its ${rule}`, ...given.filter((each) => each !== undefined));
}

/** Throws ShapeError unless a result has the shape of what it belongs to, behind leading axes. */
export function checkShapeOf(
  { name }: Op,
  rule: Rule,
  given: Tensor,
  { shape }: Form,
  lead: Shape = [],
): void {
  if (sameShape(given.shape, [...lead, ...shape])) return;
  const fact = `its ${rule} returned ${formatShape(given.shape)} for an ${returned[rule][1]} of shape ${formatShape(shape)}`;
  throw new ShapeError(`${name}: ${fact}; return that`, given.shape, shape);
}

/** Throws DTypeError unless a result has the dtype of what it belongs to. */
export function checkDTypeOf({ name }: Op, rule: Rule, given: Tensor, { dtype }: Form): void {
  if (given.dtype === dtype) return;
  const fact = `its ${rule} returned ${given.dtype} for an ${returned[rule][1]} of dtype ${dtype}`;
  throw new DTypeError(`${name}: ${fact}; cast it`, given.dtype, dtype);
}

/** Throws for tangents, or what a definition gives, that are not what the op's outputs are. */
export function checkOutputs(
  op: Op,
  rule: Rule,
  given: Results,
  forms: Forms,
  lead: Shape = [],
): void {
  checkCount(op, rule, given, forms.length);
  for (const [i, form] of forms.entries()) {
    const result = given[i];
    if (!result) continue;
    checkShapeOf(op, rule, result, form, lead);
    checkDTypeOf(op, rule, result, form);
  }
}

/** Throws for cotangents of another number or dtype than the inputs; what shapes they may have, their kind of op tells. */
export function checkCotangents(op: Op, given: Results, inputs: readonly Tensor[]): void {
  checkCount(op, 'vjp', given, inputs.length);
  for (const [i, input] of inputs.entries()) {
    const result = given[i];
    if (result && isFloat(input.dtype)) checkDTypeOf(op, 'vjp', result, input);
  }
}

/**
 * A node of a user's op, whose rules are called for it. Throws where its definition gives something else than it is, and
 * NablaError for what rules throw of their own, as on too few inputs.
 */
export function checkedNode(op: string, inputs: readonly unknown[], make: () => Tensor): Tensor {
  try {
    const node = make();
    const define = definitionOf(node.op);
    if (!define) return node;
    const given = [define(node.inputs, node.options)].flat();
    checkOutputs(node.op, 'definition', given, node.outputs ?? [node]);
    return node;
  } catch (cause) {
    if (cause instanceof NablaError) throw cause;
    throw ruleError(op, 'its rules', inputs.length, cause);
  }
}

/** What is told where a rule threw an error of its own. */
export function ruleError(op: string, rule: string, inputs: number, cause: unknown): NablaError {
  const fact = `${rule} failed on ${inputs} inputs (${cause instanceof Error ? cause.message : String(cause)})`;
  return new NablaError(`${op}: ${fact}; pass as many as the record takes, or correct it`, {
    cause,
  });
}
