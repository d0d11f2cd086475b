// Anomaly mode: finds the op whose result is the first NaN or infinity of a step, with its inputs.
import { isFloat, type TensorData } from '../core/dtype.js';
import { CheckError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { isConstant, type Program, programNodes } from '../graph/program.js';
import { sourcesOf } from '../graph/several.js';
import { filledWith, nameOf, type Tensor } from '../graph/tensor.js';
import { cast } from '../ops/cast.js';
import { notFinite } from '../ops/compare.js';
import { sum } from '../ops/reduce.js';
import { concat } from '../ops/slice.js';
import { reshape } from '../ops/view.js';

const called = (node: Tensor): string => `${node.name ?? nameOf(node)} ${formatShape(node.shape)}`;

/** Floats that may become infinite or NaN: numbers that were given as such are finite. */
function isWatched(node: Tensor): boolean {
  return (
    isFloat(node.dtype) && !node.outputs && sizeOf(node.shape) > 0 && filledWith(node) === undefined
  );
}

/**
 * A program with one output more: how many values of each float node are NaN or infinite, in topological order. They are
 * counted on the device, by their bits, so that a step reads one short vector and nothing for each op. Nodes that are `meant` to
 * become so are left out.
 */
export function watch(program: Program, meant?: ReadonlySet<Tensor>) {
  const isMeant = (node: Tensor): boolean => meant?.has(node) === true;
  const nodes = programNodes(program).filter((node) => isWatched(node) && !isMeant(node));
  if (nodes.length === 0) return undefined;
  // what is returned or kept of f16 is rounded before it is counted
  const results = new Set([...program.outputs, ...program.updates.map(([, next]) => next)]);
  const seen = (node: Tensor): Tensor =>
    results.has(node) && node.dtype === 'f16' ? cast(node, 'f16') : node;
  const counts = nodes.map((node) => reshape(cast(sum(notFinite(seen(node))), 'f32'), [1]));
  const outputs = [...program.outputs, concat(counts, { axis: 0 })];
  /**
   * Throws CheckError naming the first op that made a value that is not finite. `run` is the graph that was run, where the
   * program was made for an equal one: names are not part of that.
   */
  const check = ({ data }: TensorData, run: readonly Tensor[] = nodes): void => {
    const own = run.filter(isWatched);
    const counted = own.length === nodes.length ? own : nodes;
    const counts = counted.map((node, i) => [node, data[i]!] as const);
    checkNone(new Map(counts.filter(([, count]) => count > 0)));
  };
  return { program: { ...program, outputs }, check };
}

/** Throws CheckError naming the first op that made a value that is not finite, from how many of them nodes have. */
function checkNone(tainted: ReadonlyMap<Tensor, number>): void {
  // infinite constants, a mask say, are meant; what they make infinite is not the first
  for (const [node, count] of tainted) {
    const sources = sourcesOf(node);
    if (isConstant(node) || sources.some((source) => tainted.has(source))) continue;
    const origin = sources.length
      ? `it is the first op of the step that made any, from finite ${sources.map(called).join(' and ')}`
      : 'it came in so: look at what is fed, or at the update before';
    const of = `${count} of ${sizeOf(node.shape)} values of ${called(node)}`;
    throw new CheckError(`anomaly: ${of} are NaN or infinite; ${origin}`);
  }
}
