// Samples of layer normalisation, forward and backward, for the table of ops.
import fc from 'fast-check';
import { type Shape, sizeOf } from '../../src/core/shape.js';
import { layerNorm, layerNormBackward } from '../../src/ops/layerNorm.js';
import { entry } from './families.js';
import { floats, sample, seeds, shapes } from './samples.js';

const forward = entry('layerNorm', (limit) =>
  fc.tuple(shapes(limit, { minRank: 1, maxRank: 3 }), seeds).map(([shape, seed]) => {
    const over = shape.slice(seed % shape.length);
    const values = [
      floats(seed, shape, { distinct: true }),
      floats(seed, over, {}, 1),
      floats(seed, over, {}, 2),
    ];
    return sample(`layerNorm over ${over.length} axes`, values, ([x, weight, bias]) =>
      layerNorm(x!, weight!, bias!, 1e-3),
    );
  }),
);

const backward = entry('layerNormBackward', (limit) =>
  fc.tuple(shapes(limit, { minRank: 2, maxRank: 2 }), seeds).map(([shape, seed]) => {
    const [rows, length] = shape as [number, number];
    const sizes: Shape[] = [shape, [length], [rows], [rows], shape];
    const values = sizes.map((size, i) => floats(seed, size, { low: 0.1, high: 3 }, i));
    return sample(`output ${seed % 3} of ${sizeOf(shape)} elements`, values, ([x, w, m, r, u]) => {
      return layerNormBackward([x!, w!, m!, r!, u!], { epsilon: 1e-3 })[seed % 3]!;
    });
  }),
);

export const entries = [forward, backward];
