// Samples of what sorts positions and picks by them, for the table of ops.
import fc from 'fast-check';
import { pick } from '../../src/ops/indexing.js';
import { type Sorting, scatterAddSorted, sortedPositions } from '../../src/ops/sort.js';
import { entry } from './families.js';
import { axisSizes, floats, integers, sample, seeds, shapes } from './samples.js';

const picks = entry(
  'pick',
  (limit) =>
    fc.tuple(shapes(limit, { minRank: 1, maxRank: 4 }), seeds).map(([shape, seed]) => {
      const axis = seed % shape.length;
      const at = integers(seed, shape.toSpliced(axis, 1), 0, shape[axis]!);
      return sample(`pick axis ${axis}`, [floats(seed, shape), at], ([x, places]) =>
        pick(x!, places!, axis),
      );
    }),
  false,
);

const sortings: readonly Sorting[] = [
  'counting',
  { width: 4, ways: 2 },
  { width: 3, ways: 5 },
  { width: 512, ways: 8 },
];
const sorts = entry(
  'sortedPositions',
  (limit) =>
    fc.tuple(axisSizes(limit), axisSizes(9), seeds).map(([count, rows, seed]) =>
      sample(`${rows} rows`, [integers(seed, [count], 0, rows)], ([keys]) => {
        const sorting = sortings[seed % sortings.length]!;
        return sortedPositions(keys!, rows, sorting)[(seed >> 3) % 2]!;
      }),
    ),
  false,
);

const sums = entry(
  'scatterAddSorted',
  (limit) =>
    fc
      .tuple(axisSizes(3), axisSizes(limit / 4), axisSizes(5), axisSizes(9), seeds)
      .map(([outer, positions, inner, rows, seed]) =>
        sample(
          `${rows} rows of ${inner}`,
          [
            floats(seed, [outer, positions, inner]),
            integers(seed, [positions], 0, rows, seed % 3 ? 'i32' : 'u32'),
          ],
          ([x, at]) => scatterAddSorted(x!, at!, rows, sortings[seed % sortings.length]!),
        ),
      ),
  false,
);

export const entries = [picks, sorts, sums];
