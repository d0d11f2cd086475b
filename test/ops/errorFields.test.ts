// Errors have fields beside their text: what complains, and the shapes or dtypes that it is about.
import { describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { grad } from '../../src/autodiff/reverse.js';
import { DTypeError, NablaError, ShapeError } from '../../src/core/errors.js';
import type { Tensor } from '../../src/graph/tensor.js';
import * as arithmetic from '../../src/ops/arithmetic.js';
import * as comparison from '../../src/ops/compare.js';
import { conv2d } from '../../src/ops/convolution.js';
import { tensor, zeros } from '../../src/ops/leaf.js';
import { dot, matmul } from '../../src/ops/matmul.js';
import { maxPool2d } from '../../src/ops/pooling.js';
import { max } from '../../src/ops/reduce.js';
import { concat, slice } from '../../src/ops/slice.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';

const bytes = tensor(new Uint8Array(4));

/** What a call throws. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('errors tell programs what they tell people', () => {
  const binary = { ...arithmetic, ...comparison } as unknown as Record<
    string,
    (a: Tensor, b: Tensor) => Tensor
  >;
  const names = ['add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum'].concat([
    ...['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'],
  ]);
  it.each(names)('%s: its name, and the shapes that do not fit', (name) => {
    for (const [a, b] of [
      [[2, 3], [2]],
      [[4], [2, 1, 3]],
      [
        [5, 2, 3],
        [2, 1, 3],
      ],
    ] as const) {
      const error = thrownBy(() => binary[name]!(zeros(a), zeros(b)));
      expect(error).toBeInstanceOf(ShapeError);
      expect(error).toMatchObject({ op: name, shapes: [a, b] });
    }
  });
  it.each(names)('%s: the dtypes that do not agree, or the one that is refused', (name) => {
    const mixed = thrownBy(() => binary[name]!(zeros([2]), zeros([2], { dtype: 'f16' })));
    expect(mixed).toBeInstanceOf(DTypeError);
    expect(mixed).toMatchObject({ op: name, dtypes: ['f32', 'f16'] });
    const refused = thrownBy(() => binary[name]!(bytes, bytes));
    expect(refused).toMatchObject({ op: name, dtypes: ['u8'] });
  });

  const one = zeros([2, 3]);
  const image = zeros([1, 2, 4, 4]);
  const misshapen: [op: string, () => unknown, shapes: readonly (readonly number[])[]][] = [
    ['matmul', () => matmul(one, zeros([4, 2])), [one.shape, [4, 2]]],
    ['dot', () => dot(one, zeros([2])), [one.shape, [2]]],
    ['reshape', () => reshape(one, [4]), [one.shape, [4]]],
    ['broadcastTo', () => broadcastTo(one, [3, 3]), [one.shape, [3, 3]]],
    ['transpose', () => transpose(one, [0, 0]), [one.shape]],
    ['slice', () => slice(one, [3]), [one.shape]],
    ['concat', () => concat([one, zeros([2, 4])], { axis: 0 }), [[2, 4], one.shape]],
    ['max', () => max(zeros([0, 3]), { axis: 0 }), [[0, 3]]],
    ['conv2d', () => conv2d(image, zeros([1, 3, 2, 2])), [image.shape, [1, 3, 2, 2]]],
    ['maxPool2d', () => maxPool2d(image, { size: 5 }), [[5, 5], image.shape]],
    ['crossEntropy', () => softmaxCrossEntropy(one, zeros([3])), [one.shape, [3]]],
    ['grad', () => grad(one, one), [one.shape]],
    ['jvp', () => jvp(one, one, zeros([3])), [[3], one.shape]],
    ['zeros', () => zeros([-1]), [[-1]]],
  ];
  it.each(misshapen)('%s: shapes in the order of its message', (op, call, shapes) => {
    expect(thrownBy(call)).toMatchObject({ op, shapes });
  });

  it('no more than they know', () => {
    expect(thrownBy(() => concat([], { axis: 0 }))).toMatchObject({
      op: 'concat',
      shapes: undefined,
    });
    expect(new NablaError('a text that names no op').op).toBeUndefined();
    expect(new NablaError('random.normal: deviation').op).toBe('random.normal');
    expect(new DTypeError('cast: of nothing').dtypes).toBeUndefined();
    // what consoles print of an error stays its message
    expect(Object.keys(new ShapeError('add: shapes', [1]))).toEqual(['name']);
  });
});
