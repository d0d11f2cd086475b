// Mixed precision (Micikevicius et al. 2018): what matrix products read lies in f16; they add in f32, and parameters, the
// optimizer's state and all else stay f32. Two rewrites of a step's program do it:
//
// 1. Small gradients would vanish in f16, so backward passes are scaled. `grad` marks what a pass starts from ('seed') and
//    what it gives ('gradient'); in between it is linear. Of each pass that updates depend on, the seed becomes
//    seed · scale and the gradients gradient / scale, so that all that reads them (clipping, an optimizer, outputs) finds
//    what it would without. A step is sound where the gradients that its updates read are finite. Otherwise every next
//    value is the value before, but for the scale, which halves, and for what is marked 'always'. So updates may be left
//    out, wrapped, built on each other or written by hand. Passes that only outputs depend on stay as they are.
// 2. What products read is rounded.

import { checkChoice } from '../core/options.js';
import type { Op, OpRecord, Options } from '../graph/op.js';
import { isParameter, type Program, programNodes, type Updates } from '../graph/program.js';
import { apply, type Tensor } from '../graph/tensor.js';
import { dependents, topological } from '../graph/walk.js';
import { add, div, maximum, minimum, mul } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';
import { equal, less, where } from '../ops/compare.js';
import { parameter } from '../ops/leaf.js';
import { always, gradient, seed } from '../ops/marks.js';
import { countNotFinite } from '../ops/totals.js';

/** The scale at first. */
const FIRST = 2 ** 16;
const LARGEST = 2 ** 24;
/** Sound steps after which the scale doubles. */
const INTERVAL = 2000;

/** The loss scale, and the sound steps since it changed. */
type Scaling = Readonly<Record<'scale' | 'steps', Tensor>>;

/**
 * The scaling of each parameter that a gradient was taken of. All steps of a model share it and checkpoints hold it, but
 * no program names its model: the parameters are what they have in common.
 */
const scalings = new WeakMap<Tensor, Scaling>();

/** The loss scales that there are. */
const scales = new WeakSet<Tensor>();

/** The nodes that depend on a loss scale: where a pass overflows they are infinite, and the step is skipped. */
export function scaledAmong(nodes: readonly Tensor[]): ReadonlySet<Tensor> {
  return dependents(
    nodes,
    nodes.filter((node) => scales.has(node)),
  );
}

const knownScaling = (nodes: readonly Tensor[]): Scaling | undefined =>
  nodes.map((node) => scalings.get(node)).find((scaling) => scaling !== undefined);

function scalingFor(nodes: readonly Tensor[]): Scaling {
  const scaling = knownScaling(nodes) ?? {
    scale: parameter(FIRST, { name: 'loss scale' }),
    steps: parameter(0),
  };
  scales.add(scaling.scale);
  for (const node of nodes) if (!scalings.has(node)) scalings.set(node, scaling);
  return scaling;
}

/** The same, for checkpoints: nothing where no step has a scale, unless it is wanted all the same. */
export const scalingOf = (
  parameters: readonly Tensor[],
  wanted: boolean,
): Record<string, Tensor> => (wanted ? scalingFor(parameters) : (knownScaling(parameters) ?? {}));

/** A node over other inputs. */
function over(node: Tensor, inputs: readonly Tensor[]): Tensor {
  if (inputs.every((input, i) => input === node.inputs[i])) return node;
  return apply(node.op as Op as OpRecord, inputs, node.options as Options, node.name);
}

/**
 * A program in which `replace` says what stands for each node, given the node over what stands for its inputs; and what
 * stands for which.
 */
function rewrite(program: Program, replace: (own: Tensor, node: Tensor) => Tensor) {
  const done = new Map<Tensor, Tensor>();
  const at = (node: Tensor): Tensor => done.get(node)!;
  for (const node of programNodes(program))
    done.set(node, replace(over(node, node.inputs.map(at)), node));
  const outputs = program.outputs.map(at);
  const updates = program.updates.map(([target, next]) => [target, at(next)] as const);
  return { program: { ...program, outputs, updates }, at };
}

/** The gradients that are read on the way to nodes; those further back, in a cost, are part of a pass. */
function gradientsIn(nodes: readonly Tensor[]): Tensor[] {
  const isGradient = (node: Tensor): boolean => gradient.under(node).length > 0;
  return topological(nodes, (node) => (isGradient(node) ? [] : node.inputs)).filter(isGradient);
}

const scaledUp = (x: Tensor, scale: Tensor): Tensor => mul(x, cast(scale, x.dtype));
/** Of f16 by the inverse, because f16 ends below the first scale. */
const scaledDown = (x: Tensor, scale: Tensor): Tensor =>
  x.dtype === 'f16' ? mul(x, cast(div(1, scale), 'f16')) : div(x, scale);

/** The scale and its steps after a step. */
function rescaled({ scale, steps }: Scaling, isSound: Tensor): Updates {
  const isYoung = less(steps, INTERVAL - 1);
  const grown = where(isYoung, scale, minimum(mul(scale, 2), LARGEST));
  return [
    [scale, where(isSound, grown, maximum(div(scale, 2), 1))],
    [steps, where(isSound, where(isYoung, add(steps, 1), 0), 0)],
  ];
}

/** Of a seed or a gradient: its value, the pass, and the parameter where it is the gradient of one. Else nothing. */
const partsOf = (node: Tensor): readonly Tensor[] => [...seed.under(node), ...gradient.under(node)];

/** Rewrite 1: the backward passes behind updates are scaled, and these guarded. The marks of passes go. */
function scaleGradients(program: Program): Program {
  const nexts = program.updates.map(([, next]) => next);
  const read = gradientsIn(nexts);
  const [first, ...others] = read;
  if (!first) return rewrite(program, (node) => partsOf(node)[0] ?? node).program;
  const passes = new Set(topological(nexts).flatMap((node) => seed.under(node).slice(1)));
  const parameters = read.flatMap((node) => partsOf(node).slice(2));
  const targets = program.updates.map(([target]) => target);
  const scaling = scalingFor(parameters.length > 0 ? parameters : targets);
  const { scale } = scaling;
  const { at, program: scaled } = rewrite(program, (node) => {
    const [value = node, pass] = partsOf(node);
    if (!pass || !passes.has(pass)) return value;
    return seed.under(node).length > 0 ? scaledUp(value, scale) : scaledDown(value, scale);
  });
  const single = (node: Tensor): Tensor => cast(at(node), 'f32');
  const isSound = equal(countNotFinite(single(first), ...others.map(single)), 0);
  const guarded = scaled.updates.map(([target, next]) => {
    const isAlways = always.under(next).length > 0;
    return [target, isAlways ? next : where(isSound, next, target)] as const;
  });
  return { ...scaled, updates: [...guarded, ...rescaled(scaling, isSound)] };
}

const half = (x: Tensor): Tensor => (x.dtype === 'f32' ? cast(cast(x, 'f16'), 'f32') : x);

/** What a product reads as it lies. */
function underViews(node: Tensor): Tensor {
  let at = node;
  while (at.op.view === 'reshape' || at.op.view === 'permute') at = at.inputs[0]!;
  return at;
}

/** Rewrite 2: what products read is rounded for all of its readers, but for parameters. */
function roundOperands(program: Program): Program {
  const isProduct = ({ op }: Tensor): boolean =>
    op.kernel.kind === 'matmul' || op.multiplies === true;
  const operands = programNodes(program)
    .filter(isProduct)
    .flatMap(({ inputs }) => inputs.map(underViews));
  const read = new Set(operands);
  const ownInput = (x: Tensor): Tensor => (isParameter(underViews(x)) ? half(x) : x);
  return rewrite(program, (own, node) => {
    const rounded = isProduct(own) ? over(own, own.inputs.map(ownInput)) : own;
    return read.has(node) && !isParameter(node) ? half(rounded) : rounded;
  }).program;
}

/** What matrix products read: single or half. */
export type Precision = 'f32' | 'f16';

/** A program in a precision. */
export const inPrecision = (program: Program, precision: Precision = 'f32'): Program =>
  checkChoice('compile', 'precision', precision, ['f32', 'f16']) === 'f32'
    ? program
    : roundOperands(scaleGradients(program));
