// Whether an adapter computes with half precision as it should: casts both ways, and products of what is stored so.

import type { Tensor } from '../graph/tensor.js';
import { cast } from '../ops/cast.js';
import { tensor } from '../ops/leaf.js';
import { matmul } from '../ops/matmul.js';
import type { CheckReport } from './compare.js';

/** Of each power of two that f16 knows, and of the nearest that it does not: itself, a tie to either side, and what is no tie. */
function roundings(): number[] {
  const mantissas = [1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20];
  const exponents = Array.from({ length: 43 }, (_, i) => i - 26);
  return exponents.flatMap((e) => mantissas.flatMap((x) => [x * 2 ** e, -x * 2 ** e]));
}

/** Numbers in [−1, 1], stored as f16. */
const halves = (rows: number, columns: number, from: number): Tensor => {
  const numbers = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(from + i));
  return tensor(numbers, [rows, columns], { dtype: 'f16' });
};

/** What an adapter does wrong with half precision, found by `engine.verify`; undefined where all is within its bounds. */
export async function faultOfHalves(
  verify: (tree: readonly Tensor[]) => Promise<CheckReport>,
): Promise<string | undefined> {
  const numbers = roundings();
  const { checks } = await verify([
    cast(tensor(numbers), 'f16'),
    cast(tensor(numbers, [numbers.length], { dtype: 'f16' }), 'f32'),
    matmul(halves(12, 20, 1), halves(20, 16, 2)),
    matmul(halves(256, 64, 3), halves(64, 256, 4)), // of those that take large tiles
  ]);
  const wrong = checks.find(({ worst }) => !(worst.ratio <= 1));
  if (!wrong) return undefined;
  const { index, gpu, cpu, bound } = wrong.worst;
  return `element ${index} of ${wrong.op} is ${gpu}, in float64 ${cpu} ± ${bound}`;
}
