// Random graphs with forks, broadcasts and shared leaves, for the CPU and the GPU.

import { broadcastShapes, sizeOf } from '../../src/core/shape.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { sigmoid, softplus, tanh } from '../../src/ops/activation.js';
import { add, cos, div, exp, mul, neg, sin, sqrt, square, sub } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { gather } from '../../src/ops/indexing.js';
import { input, tensor } from '../../src/ops/leaf.js';
import { matmul, outer } from '../../src/ops/matmul.js';
import { max, mean, sum } from '../../src/ops/reduce.js';
import { concat, pad, slice } from '../../src/ops/slice.js';
import { logSumExp, softmax } from '../../src/ops/softmax.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';
import { floats, uniforms } from './samples.js';

/**
 * A random graph of `size` nodes over shared leaves: every op keeps values in a tame range. With `half` all of it is f16,
 * computed from f32 leaves and rounded here and there.
 */
export function randomGraph(
  size: number,
  from: number,
  half = false,
): { y: Tensor; leaves: Tensor[]; feeds: Map<Tensor, ReturnType<typeof floats>> } {
  const random = uniforms(from);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const shapes = [[], [3], [2, 3], [1, 3], [2, 1], [2, 1, 3]];
  const leaves = [0, 1, 2].map((i) => input(pick(shapes), { name: `leaf${i}` }));
  const feeds = new Map(leaves.map((leaf, i) => [leaf, floats(from, leaf.shape, {}, i)]));
  const pool: Tensor[] = leaves.map((leaf) => (half ? cast(leaf, 'f16') : leaf));
  const tame = (x: Tensor): Tensor => tanh(x);
  const unary: ((x: Tensor) => Tensor)[] = [
    ...[
      sigmoid,
      tanh,
      softplus,
      sin,
      cos,
      neg,
      square,
      (x: Tensor) => exp(tame(x)),
      (x: Tensor) => sqrt(add(square(x), 1)),
    ],
    ...[transpose, (x: Tensor) => reshape(x, [-1]), (x: Tensor) => broadcastTo(x, [2, ...x.shape])],
    ...[
      softmax,
      mean,
      (x: Tensor) => sum(x, { axis: 0, keepDims: true }),
      (x: Tensor) => max(x, { axis: -1 }),
    ],
    (x) => logSumExp(x, { axis: -1 }),
    (x) =>
      pad(
        x,
        x.shape.map(() => [1, 0] as const),
      ),
    (x) =>
      slice(
        x,
        x.shape.map((extent) => (extent > 1 ? 1 : 0)),
      ),
    (x) => concat([x, tame(x)], { axis: -1 }),
    (x) => gather(x, tensor(new Int32Array([0, x.shape[0]! - 1, 0]))),
    (x) => matmul(x, x, { transposeB: true }),
    (x) => outer(tame(x), tame(x)),
  ];
  const binary = [add, sub, mul, (a: Tensor, b: Tensor) => div(a, add(square(b), 1))];
  while (pool.length < size) {
    const a = pick(pool);
    const b = pick(pool);
    try {
      broadcastShapes('pair', [a.shape, b.shape]);
      const call = pick(unary);
      const next = random() < 0.5 ? pick(binary)(tame(a), b) : call(a);
      const rounded = half && random() < 0.3 ? cast(next, 'f16') : next;
      if (next.rank <= 5 && sizeOf(next.shape) <= 64) pool.push(rounded);
    } catch {
      // the shapes do not fit this op: draw again
    }
  }
  const readBy = (user: Tensor): readonly Tensor[] => [
    ...user.inputs,
    ...user.inputs.flatMap(({ inputs }) => inputs),
  ];
  const ends = pool.filter(
    (node) => !pool.some((user) => (half ? readBy(user) : user.inputs).includes(node)),
  );
  return { y: ends.map((end) => mean(tame(end))).reduce((a, b) => add(a, b)), leaves, feeds };
}
