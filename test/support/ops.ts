// One table of all ops with generators of sample inputs, for every generated test, on the CPU and on the GPU.
import fc from 'fast-check';
import { grad } from '../../src/autodiff/reverse.js';
import { sizeOf } from '../../src/core/shape.js';
import type { ComposedKernel, OpRecord, Options } from '../../src/graph/op.js';
import { apply, type Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import * as activation from '../../src/ops/activation.js';
import * as arithmetic from '../../src/ops/arithmetic.js';
import { cast, copy, stopGradient } from '../../src/ops/cast.js';
import * as compare from '../../src/ops/compare.js';
import { cumSum } from '../../src/ops/cumSum.js';
import { oneHot } from '../../src/ops/indexing.js';
import { arange, eye, full, input, ones, zeros } from '../../src/ops/leaf.js';
import { always, gradient, seed } from '../../src/ops/marks.js';
import { dot, outer } from '../../src/ops/matmul.js';
import { descend, movingAverage, scaledDirection } from '../../src/ops/optimizer.js';
import { random } from '../../src/ops/random.js';
import { argMax, max, mean, min, sum } from '../../src/ops/reduce.js';
import {
  logSoftmax,
  logSumExp,
  sigmoidCrossEntropy,
  softmax,
  softmaxCrossEntropy,
} from '../../src/ops/softmax.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';
import * as single from './entries.js';
import * as family from './families.js';
import * as normal from './layerNorms.js';
import { floats, integers, sample, seeds, shapes, shuffled } from './samples.js';
import * as sorting from './sorts.js';
import * as totals from './totals.js';
import * as windowed from './windows.js';

/** A record that no function is exported for, found in graphs that hold it. */
function inner(name: string): (...inputs: Tensor[]) => Tensor {
  const node = hidden.find(({ op }) => op.name === name)!;
  return (...inputs) => apply(node.op as OpRecord, inputs, node.options as Options);
}
const z = input([3]);
const composed = (y: Tensor): Tensor =>
  (y.op.kernel as ComposedKernel).compose(y.inputs, y.options);
const hidden: Tensor[] = topological([
  ...Object.values(activation.activations).map((call) => grad(sum(call(z)), z)),
  grad(sum(softmax(z)), z),
  grad(softmaxCrossEntropy(z, z), z),
  ...[softmax(z), logSoftmax(z), logSumExp(z), softmaxCrossEntropy(z, z)].flatMap((y) =>
    topological([y])
      .filter(({ op }) => op.kernel.kind === 'composed')
      .map(composed),
  ),
]);

const { entry, pointwise, unary, binary, reduction, along, comparison, vectors, views, generated } =
  family;
const positive = { low: 0.1, high: 3 };
const unit = { low: 0, high: 0.9 };
const { add, sub, mul, div, neg, square, sqrt, pow, exp, log, abs, sin, cos, maximum, minimum } =
  arithmetic;
const { sigmoid, tanh, relu, leakyRelu, elu, gelu, silu, softplus } = activation;

export const table: readonly family.Entry[] = [
  binary('add', add),
  binary('sub', sub),
  binary('mul', mul),
  binary('hadamard', arithmetic.hadamard),
  binary('div', div, {}, positive),
  unary('neg', neg),
  unary('square', square),
  unary('sqrt', sqrt, positive),
  binary('pow', pow, positive),
  entry('pow', (limit) =>
    fc
      .tuple(shapes(limit), seeds)
      .map(([shape, seed]) =>
        sample(`pow ${seed % 5}`, [floats(seed, shape)], ([x]) => pow(x!, (seed % 5) - 1)),
      ),
  ),
  unary('exp', exp),
  unary('log', log, positive),
  unary('abs', abs),
  unary('sin', sin),
  unary('cos', cos),
  binary('maximum', maximum),
  binary('minimum', minimum),
  comparison('equal', compare.equal),
  comparison('notEqual', compare.notEqual),
  comparison('less', compare.less),
  comparison('lessEqual', compare.lessEqual),
  comparison('greater', compare.greater),
  comparison('greaterEqual', compare.greaterEqual),
  unary('notFinite', compare.notFinite),
  single.wheres,
  unary('sigmoid', sigmoid, { low: -9, high: 9 }),
  unary('tanh', tanh, { low: -9, high: 9 }),
  unary('relu', relu),
  unary('leakyRelu', (x) => leakyRelu(x)),
  unary('elu', (x) => elu(x)),
  unary('gelu', gelu, { low: -6, high: 6 }),
  unary('silu', silu, { low: -9, high: 9 }),
  unary('softplus', softplus, { low: -9, high: 9 }),
  unary('sigmoidDerivative', inner('sigmoidDerivative'), unit),
  unary('tanhDerivative', inner('tanhDerivative'), { low: -9, high: 9 }),
  unary('reluDerivative', inner('reluDerivative')),
  unary('siluDerivative', inner('siluDerivative'), { low: -9, high: 9 }),
  unary('geluDerivative', inner('geluDerivative'), { low: -6, high: 6 }),
  pointwise('softmaxBackward', inner('softmaxBackward'), [{}, {}, unit]),
  pointwise('crossEntropyBackward', inner('crossEntropyBackward'), [unit, unit, {}]),
  pointwise('movingAverage', (old, next) => movingAverage(0.9, old!, next!), [{}, {}]),
  pointwise('scaledDirection', (m, v, floor) => scaledDirection(m!, v!, floor!), [
    {},
    positive,
    positive,
  ]),
  pointwise('descend', descend, [{}, {}, {}]),
  binary('shiftedExp', inner('shiftedExp')),
  pointwise('softmaxPart', inner('softmaxPart'), [{}, {}, positive]),
  reduction('sum', sum, {}, { empty: true }),
  reduction('mean', mean),
  reduction('max', max, { distinct: true }),
  reduction('min', min, { distinct: true }),
  reduction('logSumExp', logSumExp),
  along('argMax', (x, axis) => argMax(x, { axis }), { distinct: true }, false),
  along('cumSum', (x, axis) => cumSum(x, { axis, reverse: axis % 2 === 0 })),
  ...normal.entries,
  ...sorting.entries,
  along('softmax', (x, axis) => softmax(x, { axis })),
  along('logSoftmax', (x, axis) => logSoftmax(x, { axis })),
  family.rows('softmaxCrossEntropy', softmaxCrossEntropy),
  family.rows('sigmoidCrossEntropy', sigmoidCrossEntropy),
  single.matmuls,
  windowed.convolutions,
  windowed.pools,
  windowed.part('windows', windowed.convolutions),
  windowed.part('windows', windowed.convolutions, true),
  windowed.part('exchange', windowed.convolutions, true),
  windowed.part('conv2dImage', windowed.convolutions, true),
  windowed.part('conv2dWeight', windowed.convolutions, true),
  windowed.part('taken', windowed.pools),
  windowed.part('firstTaps', windowed.pools),
  windowed.part('visits', windowed.pools, true),
  vectors('outer', outer, false),
  vectors('dot', dot, true),
  views('reshape', (x, seed) => reshape(x, family.reshaped(x.shape, seed))),
  views('transpose', (x, seed) => transpose(x, seed % 4 ? shuffled(x.rank, seed) : undefined)),
  views('broadcastTo', (x, seed) =>
    broadcastTo(x, [
      ...[[], [2], [3, 1], [0]][seed % 4]!,
      ...x.shape.map((size) => (size === 1 ? 1 + (seed % 3) : size)),
    ]),
  ),
  views('stopGradient', stopGradient, false),
  views('copy', copy),
  views('seed', (x) => seed.put(x, ones([]))),
  views('gradient', (x) => gradient.put(x, ones([]), add(x, 1))),
  views('always', (x) => always.put(x)),
  views('cast', (x, seed) => cast(x, (['i32', 'bool', 'f32'] as const)[seed % 3]!)),
  // finite differences would see its steps
  views('cast', (x) => cast(cast(x, 'f16'), 'f32'), false),
  single.slices,
  single.pads,
  single.concats,
  ...totals.entries,
  single.gathers,
  single.scatters,
  entry(
    'oneHot',
    (limit) =>
      fc
        .tuple(shapes(limit / 5, { maxRank: 3 }), seeds)
        .map(([shape, seed]) =>
          sample('oneHot', [integers(seed, shape, 0, 5)], ([x]) => oneHot(x!, 5)),
        ),
    false,
  ),
  generated('full', (shape, seed) => full(shape, seed / 1000)),
  generated('zeros', (shape) => zeros(shape)),
  generated('ones', (shape) => ones(shape)),
  generated('eye', (shape) => eye(shape.map((size) => Math.min(size, 9))), { maxRank: 2 }),
  generated('arange', (shape, seed) =>
    arange(-1, sizeOf(shape) / 4, { step: 0.25 + (seed % 7) / 10, dtype: 'f32' }),
  ),
  generated('arange', (shape) => arange(sizeOf(shape))),
  generated('random', (shape, seed) => random.uniform(shape, { seed })),
  generated('random', (shape, seed) => random.normal(shape, { seed })),
];
