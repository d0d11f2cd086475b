// Sample calls of ops that are like no other: products, indexing, slices, selection.
import fc from 'fast-check';
import { where } from '../../src/ops/compare.js';
import { gather, scatterAdd } from '../../src/ops/indexing.js';
import { matmul } from '../../src/ops/matmul.js';
import { concat, pad, slice } from '../../src/ops/slice.js';
import { entry } from './families.js';
import {
  axisSizes,
  bools,
  broadcastable,
  floats,
  integers,
  sample,
  seeds,
  shapes,
} from './samples.js';

export const matmuls = entry('matmul', (limit) => {
  const most = Math.max(3, Math.round(limit ** 0.5));
  const flag = fc.boolean();
  const size = fc.oneof(
    { arbitrary: axisSizes(most), weight: 15 },
    { arbitrary: fc.constant(0), weight: 1 },
  );
  return fc
    .tuple(
      size,
      size,
      size,
      broadcastable(Math.min(6, limit / 4), 2, { maxRank: 3 }),
      flag,
      flag,
      fc.nat({ max: 7 }),
      seeds,
    )
    .map(([m, n, k, [batchA, batchB], transposeA, transposeB, form, seed]) => {
      const vectorA = form === 0 || form === 1;
      const vectorB = form === 1 || form === 2;
      const [leadA, leadB] = [form === 4 ? [] : batchA!, form === 3 ? [] : batchB!];
      const a = vectorA ? [k] : [...leadA, ...(transposeA ? [k, m] : [m, k])];
      const b = vectorB ? [k] : [...leadB, ...(transposeB ? [n, k] : [k, n])];
      const options = { transposeA, transposeB };
      return sample(
        `matmul ${JSON.stringify(options)}`,
        [floats(seed, a), floats(seed, b, {}, 1)],
        ([x, y]) => matmul(x!, y!, options),
      );
    });
});

export const gathers = entry('gather', (limit) =>
  fc
    .tuple(
      shapes(limit, { minRank: 1, maxRank: 4 }),
      shapes(Math.min(limit, 9), { maxRank: 2, empty: true }),
      seeds,
    )
    .map(([shape, picks, seed]) => {
      const axis = (seed % (2 * shape.length)) - shape.length;
      const indices = integers(
        seed,
        picks,
        0,
        shape.at(axis < 0 ? axis : axis - shape.length)!,
        seed % 3 ? 'i32' : 'u32',
      );
      return sample(`gather axis ${axis}`, [floats(seed, shape), indices], ([x, at]) =>
        gather(x!, at!, { axis }),
      );
    }),
);

export const scatters = entry('scatterAdd', (limit) =>
  fc
    .tuple(axisSizes(3), axisSizes(limit / 4), axisSizes(3), axisSizes(9), seeds)
    .map(([outerSize, positions, width, rows, seed]) =>
      sample(
        `scatterAdd ${rows} rows`,
        [floats(seed, [outerSize, positions, width]), integers(seed, [positions], 0, rows)],
        ([x, at]) => scatterAdd(x!, at!, rows),
      ),
    ),
);

export const slices = entry('slice', (limit) =>
  fc.tuple(shapes(limit), seeds).map(([shape, seed]) => {
    const begin = shape.map((size, i) => (seed >> i) % (size + 1));
    const end = shape.map((size, i) => begin[i]! + ((seed >> (i + 3)) % (size - begin[i]! + 1)));
    // counted from the end where that is possible
    const from = begin.map((at, i) => (seed % 2 && at < shape[i]! ? at - shape[i]! : at));
    const to = end.map((at, i) => (seed % 3 === 0 && at < shape[i]! ? at - shape[i]! : at));
    return sample(`slice [${from}] [${to}]`, [floats(seed, shape)], ([x]) => slice(x!, from, to));
  }),
);

export const pads = entry('pad', (limit) =>
  fc.tuple(shapes(limit / 2, { maxRank: 4, empty: true }), seeds).map(([shape, seed]) => {
    const widths = shape.map((_, i) => [(seed >> i) % 3, (seed >> (i + 2)) % 3] as const);
    return sample(`pad ${JSON.stringify(widths)}`, [floats(seed, shape)], ([x]) =>
      pad(x!, widths, seed % 2 ? 1.5 : 0),
    );
  }),
);

export const concats = entry('concat', (limit) =>
  fc
    .tuple(
      shapes(limit / 4, { minRank: 1, maxRank: 4 }),
      fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 6 }),
      seeds,
    )
    .map(([shape, parts, seed]) => {
      const axis = seed % shape.length;
      const pieces = parts.map((size) => shape.map((extent, i) => (i === axis ? size : extent)));
      return sample(
        `concat axis ${axis}`,
        pieces.map((piece, i) => floats(seed, piece, {}, i)),
        (xs) => concat(xs, { axis }),
      );
    }),
);

export const wheres = entry('where', (limit) =>
  fc
    .tuple(broadcastable(limit, 3), seeds)
    .map(([[c, a, b], seed]) =>
      sample('where', [bools(seed, c!), floats(seed, a!), floats(seed, b!, {}, 1)], ([x, y, w]) =>
        where(x!, y!, w!),
      ),
    ),
);
