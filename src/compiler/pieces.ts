// Sums of pieces: what is zero but for runs along one axis, as the gradients of slices are, adds up to a concat.
import { sameShape } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { concat } from '../ops/slice.js';
import { resizeOf } from '../planning/nodes.js';

/** Zero but for runs along one axis, in ascending order of where they start. */
interface Runs {
  readonly axis: number;
  readonly runs: readonly (readonly [start: number, run: Tensor])[];
}

/** The runs of sums that are not whole yet, of one graph. */
export type Pieces = Map<Tensor, Runs>;

/** A pad with zeros along one axis is one run. */
function framedRun(node: Tensor): Runs | undefined {
  const [run] = node.inputs;
  const { widths, value } = resizeOf(node);
  const framed = [...widths.entries()].filter(([, [before, after]]) => before || after);
  const [first, ...others] = framed;
  if (!run || !first || others.length > 0 || value !== 0) return undefined;
  const [axis, [before, after]] = first;
  return Math.min(before, after) < 0 ? undefined : { axis, runs: [[before, run]] };
}

const knownRuns = (node: Tensor, pieces: Pieces): Runs | undefined =>
  node.op.contains === 'framed' ? framedRun(node) : pieces.get(node);

/** Once the pieces of a sum fill their axis, it is their concat; until then they are kept in mind. */
export function joinPieces(node: Tensor, pieces: Pieces): Tensor | undefined {
  const { op, inputs, shape } = node;
  if (op.neutral !== 0 || !op.commutes) return undefined;
  const [a, b] = inputs.map((input) => knownRuns(input, pieces));
  const isWhole = inputs.every((input) => sameShape(input.shape, shape));
  if (!a || !b || a.axis !== b.axis || !isWhole) return undefined;
  const { axis } = a;
  const runs = [...a.runs, ...b.runs].sort(([x], [y]) => x - y);
  let end = 0;
  let isFilled = true;
  for (const [start, run] of runs) {
    if (start < end) return undefined;
    isFilled &&= start === end;
    end = start + (run.shape[axis] ?? 0);
  }
  pieces.set(node, { axis, runs });
  const parts = runs.map(([, run]) => run);
  return isFilled && end === shape[axis] ? concat(parts, { axis }) : undefined;
}
