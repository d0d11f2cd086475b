// What PyTorch's batch normalisation gives: expected numbers, and the same steps here.

import { sizeOf } from '../../src/core/shape.js';
import { type Engine, grad, input, mul, nn, sum, tensor } from '../../src/index.common.js';

/** Numbers that f32 holds exactly. */
export const wave = (shape: readonly number[], step: number): Float32Array =>
  Float32Array.from(
    { length: sizeOf(shape) },
    (_, i) => Math.round(16 * Math.sin(step * (i + 1))) / 8,
  );

/** Of a layer's third step, and what its buffers are then; `evaluated` is the layer's output on the same input without training. */
export interface Expected {
  readonly output: readonly number[];
  readonly ofInput: readonly number[];
  readonly ofWeight?: readonly number[];
  readonly ofBias?: readonly number[];
  readonly mean?: readonly number[];
  readonly variance?: readonly number[];
  readonly batches?: readonly number[];
  readonly evaluated: readonly number[];
}

export interface Case {
  readonly kind: 'batchNorm1d' | 'batchNorm2d';
  readonly shape: readonly number[];
  readonly options: nn.BatchNormOptions;
  readonly expected: Expected;
}

// By PyTorch 1.13 in float64: torch.nn.BatchNorm1d and BatchNorm2d with weight [0.5, 1.5, -1] and bias [0.25, -0.5, 1], three steps
// on wave(shape, 0.7), wave(shape, 1.1) and wave(shape, 1.5); gradients of (y * wave(shape, 1.1)).sum().
export const cases: Readonly<Record<string, Case>> = {
  'batchNorm1d of [4, 3]': {
    kind: 'batchNorm1d',
    shape: [4, 3],
    options: {},
    expected: {
      output: [
        0.84587819, -0.101571327, 2.14119238, -0.00537636705, 1.78190968, 0.266376329, -0.431003645,
        -1.69528602, -0.222706119, 0.590501823, -1.98505233, 1.81513741,
      ],
      ofInput: [
        0.71230835, 1.86869623, 0.530786282, -0.673138583, -0.993488933, -0.457667954, 0.570742067,
        0.768770086, 0.432754948, -0.609911833, -1.64397738, -0.505873275,
      ],
      ofWeight: [-1.04278683, -1.69030346, -1.10043551],
      ofBias: [-0.125, 0.5, 0.5],
      mean: [0.0475, 0.042375, 0.0216875],
      variance: [1.65496094, 1.39368229, 1.34493229],
      batches: [3.0],
      evaluated: [
        1.00886734, -0.236192307, 2.74326014, 0.0372062138, 1.82852774, 0.264205932, -0.448624348,
        -1.98326312, -0.382503863, 0.717369001, -2.30091236, 2.31212028,
      ],
    },
  },
  'batchNorm1d of [2, 3, 3]': {
    kind: 'batchNorm1d',
    shape: [2, 3, 3],
    options: { epsilon: 1e-2, momentum: 0.25 },
    expected: {
      output: [
        0.992766185, 0.409660021, -0.340047904, -2.15403478, 1.15403478, -0.238836614, 2.0990148,
        1.69197228, -0.0990147957, 0.742863544, -0.131795703, -0.173446143, 0.283490159,
        0.805816931, -2.85047048, 2.0990148, 0.470844728, -0.261831802,
      ],
      ofInput: [
        0.406025721, 0.4488958, -0.108842005, -1.16520653, -2.72322611, 1.011761, -1.11743858,
        -0.545780648, 0.764668398, -0.807264408, -0.305629666, 0.366814558, 2.57099255, 0.29982776,
        0.00585132759, 1.40622503, 0.355108111, -0.862782307,
      ],
      ofWeight: [1.30504713, 4.40350487, 0.0407042517],
      ofBias: [1.25, -1.375, 1.75],
      mean: [0.219075521, 0.041015625, -0.110351562],
      variance: [1.54379069, 1.36787109, 1.6892334],
      batches: [3.0],
      evaluated: [
        0.96436349, 0.262404411, -0.640114405, -1.1913481, 1.84359518, 0.565724325, 2.25783658,
        1.77837535, -0.331254085, 0.663523885, -0.389414734, -0.439554668, 1.04492589, 1.52412746,
        -1.83028352, 2.25783658, 0.339991644, -0.523038579,
      ],
    },
  },
  'batchNorm1d with cumulative averages': {
    kind: 'batchNorm1d',
    shape: [4, 2],
    options: { momentum: null },
    expected: {
      output: [
        0.76570024, 0.24483877, -0.282071676, -1.24483877, 0.732957367, 1.48623672, -0.216585931,
        -2.48623672,
      ],
      ofInput: [
        0.394327204, 2.21751551, -0.298222348, -4.20375223, -0.428492127, -0.210855193, 0.332387272,
        2.19709191,
      ],
      ofWeight: [-0.990471889, 1.07587822],
      ofBias: [2.0, 1.5],
      mean: [0.197916667, 0.0520833333],
      variance: [3.53776042, 2.05685764],
      batches: [3.0],
      evaluated: [
        0.729049125, -0.292999948, -0.334273789, -1.0774212, 0.695820284, 0.360684426, -0.267816106,
        -1.73110557,
      ],
    },
  },
  'batchNorm1d without running statistics': {
    kind: 'batchNorm1d',
    shape: [4, 2],
    options: { trackRunningStats: false },
    expected: {
      output: [
        0.76570024, 0.24483877, -0.282071676, -1.24483877, 0.732957367, 1.48623672, -0.216585931,
        -2.48623672,
      ],
      ofInput: [
        0.394327204, 2.21751551, -0.298222348, -4.20375223, -0.428492127, -0.210855193, 0.332387272,
        2.19709191,
      ],
      ofWeight: [-0.990471889, 1.07587822],
      ofBias: [2.0, 1.5],
      evaluated: [
        0.76570024, 0.24483877, -0.282071676, -1.24483877, 0.732957367, 1.48623672, -0.216585931,
        -2.48623672,
      ],
    },
  },
  'batchNorm2d of [2, 2, 2, 3]': {
    kind: 'batchNorm2d',
    shape: [2, 2, 2, 3],
    options: {},
    expected: {
      output: [
        0.818768187, 0.181747818, -0.637278371, -0.091260912, 0.773266732, 0.409255092, -1.94074081,
        -1.26007586, 1.73484991, 1.32645094, -1.53234184, -1.66847483, 0.545759457, 0.682263822,
        -0.273266732, -0.546275461, 0.363753637, 0.773266732, -0.579410911, -2.21300678,
        0.101254037, 2.14324888, 0.101254037, -2.21300678,
      ],
      ofInput: [
        0.248642678, 0.599903015, 0.382002039, -0.504096955, -0.860553567, 0.0941907356, 1.01667755,
        0.564227195, 0.588213864, -0.937271382, -1.81409286, 0.263938854, 0.509686356,
        -0.0758500322, -0.208730624, -0.220695676, -0.195979321, 0.231481351, 1.74537271,
        -1.36164251, -1.56587043, 0.071704268, 0.748390395, 0.680352337,
      ],
      ofWeight: [10.2662658, -12.1527054],
      ofBias: [1.125, 1.125],
      mean: [0.03953125, 0.000322916667],
      variance: [1.29304368, 1.32167957],
      batches: [3.0],
      evaluated: [
        1.11202855, 0.342544231, -0.646792755, 0.0127652352, 1.05706539, 0.61736006, -2.78372974,
        -1.96826245, 1.61979363, 1.13051325, -2.29444936, -2.45754282, 0.782249558, 0.947139055,
        -0.207087428, -0.536866424, 0.562396894, 1.05706539, -1.15279516, -3.10991665, -0.337327867,
        2.109074, -0.337327867, -3.10991665,
      ],
    },
  },
  'batchNorm2d without weight and bias': {
    kind: 'batchNorm2d',
    shape: [2, 2, 2, 2],
    options: { affine: false },
    expected: {
      output: [
        1.40805814, 0.194961897, -1.36473328, -0.324936494, 1.29099139, 0.602462648, -1.2049253,
        -0.774594833, 1.14810895, 0.888159751, -0.931484617, -1.01813435, 0.860660926, 1.1188592,
        -0.688528741, -1.2049253,
      ],
      ofInput: [
        1.24660181, 1.24306386, -0.0364738465, -1.1475093, -1.20253407, 0.230625484, 1.32462045,
        0.687094007, -0.555232887, -1.31727081, -0.412755552, 0.979576713, 1.15631422, 0.188548928,
        -1.0412406, -1.34342842,
      ],
      mean: [0.08884375, -0.077765625],
      variance: [1.21171317, 1.25320731],
      batches: [3.0],
      evaluated: [
        1.73617896, 0.146401473, -1.89759815, -0.534931735, 1.74436325, 0.851084904, -1.49377076,
        -0.935471793, 1.39551236, 1.05484575, -1.32982048, -1.44337601, 1.18606428, 1.52104367,
        -0.823811999, -1.49377076,
      ],
    },
  },
};

/** What three steps of a case give on an engine. */
export async function threeSteps(
  engine: Engine,
  { kind, shape, options }: Case,
): Promise<Expected> {
  const channels = shape[1]!;
  const layer = nn[kind](channels, options);
  const [weight, bias] = layer.parameters;
  if (weight && bias) {
    await engine.write(weight, [0.5, 1.5, -1].slice(0, channels));
    await engine.write(bias, [0.25, -0.5, 1].slice(0, channels));
  }
  const x = input(shape);
  const updates: nn.BufferUpdate[] = [];
  const output = layer.apply(x, { training: true, updates });
  const cost = sum(mul(output, tensor(wave(shape, 1.1), shape)));
  const [ofInput, ofWeight, ofBias] = grad(cost, [x, ...layer.parameters]);
  const outputs = { output, ofInput: ofInput!, ...(ofWeight && ofBias && { ofWeight, ofBias }) };
  const step = engine.compile({ inputs: { x }, outputs, updates });
  await step({ x: wave(shape, 0.7) });
  await step({ x: wave(shape, 1.1) });
  const last = await step({ x: wave(shape, 1.5) });
  const [mean, variance, batches] = await Promise.all(
    layer.buffers.map((each) => engine.read(each)),
  );
  const evaluated = await engine.run(layer.apply(x), new Map([[x, wave(shape, 1.5)]]));
  const all = {
    ...last,
    ...(mean && variance && batches && { mean, variance, batches }),
    evaluated,
  };
  const lists = Object.entries(all).map(([name, { data }]) => [name, Array.from(data)]);
  return Object.fromEntries(lists);
}
