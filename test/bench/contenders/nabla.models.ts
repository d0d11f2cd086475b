// The benchmark's networks in Nabla, of its layers and public ops.
import {
  add,
  arange,
  gelu,
  lessEqual,
  matmul,
  mean,
  mul,
  nn,
  parameter,
  relu,
  reshape,
  slice,
  softmax,
  type Tensor,
  transpose,
  where,
} from '../../../src/index.common.js';
import {
  convolutionsOf,
  EPSILON,
  KERNEL,
  type LayerSpec,
  type Normalized,
  parametersOf,
} from '../networks.js';
import type { Parameter } from '../problems.js';

/** First values, in the order of the parameters; each is taken once. */
class Values {
  readonly #values: readonly Parameter[];
  #next = 0;
  constructor(values: readonly Parameter[]) {
    this.#values = values;
  }
  take() {
    const { shape, data } = this.#values[this.#next++]!;
    return { shape, data, dtype: 'f32' as const };
  }
  /** As options of a layer with a weight and a bias. */
  affine() {
    const [weight, bias] = [this.take(), this.take()];
    return { initializer: () => weight, biasInitializer: () => bias };
  }
  /** Ones and zeros, which layers begin with by themselves. */
  skip(count: number): void {
    this.#next += count;
  }
}

export function modelOf(specs: readonly LayerSpec[], initial: readonly Parameter[]): nn.Layer {
  const values = new Values(initial);
  const model = nn.sequential(...specs.map((spec) => layerOf(spec, values)));
  void model.parameters; // made here, in the order of the layers
  return model;
}

function layerOf(spec: LayerSpec, values: Values): nn.SequentialPart {
  switch (spec.kind) {
    case 'dense':
      return nn.dense(spec.inputs, spec.outputs, {
        ...values.affine(),
        activation: spec.activation ?? 'identity',
      });
    case 'conv2d': {
      const { inputs, outputs, padding } = spec;
      return nn.conv2d(inputs, outputs, KERNEL, { ...values.affine(), padding, activation: relu });
    }
    case 'maxPool2d':
      return nn.maxPool2d(2);
    case 'flatten':
      return nn.flatten();
    case 'lstm': {
      const given = parametersOf(spec).map(() => values.take());
      const initializer = () => given.shift()!;
      return nn.lstm(spec.inputs, spec.outputs, { initializer, outputs: 'last' });
    }
    case 'embedding':
      return embedding(spec, values);
    case 'transformer':
      return transformer(spec, values);
    case 'layerNorm':
      values.skip(2);
      return nn.layerNorm(spec.width, { epsilon: EPSILON });
    case 'rows':
      return (x) => reshape(x, [-1, x.shape.at(-1)!]);
    case 'normalized':
      return normalized(spec, values);
    case 'residual':
      return residual(spec, values);
    case 'averagePool':
      return (x) => mean(x, { axis: [2, 3] });
    default:
      return spec satisfies never;
  }
}

/** A layer of layers. */
const composed = (parts: readonly nn.Layer[], apply: (x: Tensor) => Tensor): nn.Layer => ({
  get parameters() {
    return parts.flatMap((part) => part.parameters);
  },
  apply,
});

function embedding(
  { vocabulary, width }: Extract<LayerSpec, { kind: 'embedding' }>,
  values: Values,
): nn.Layer {
  const table = values.take();
  const rows = nn.embedding(vocabulary, width, { initializer: () => table });
  const places = parameter(values.take());
  const positions: nn.Layer = { parameters: [places], apply: (x) => add(x, places) };
  return composed([rows, positions], (tokens) => positions.apply(rows.apply(tokens)));
}

function transformer(
  { width, heads }: Extract<LayerSpec, { kind: 'transformer' }>,
  values: Values,
): nn.Layer {
  const norm = (): nn.Layer => {
    values.skip(2);
    return nn.layerNorm(width, { epsilon: EPSILON });
  };
  const projection = (): nn.Layer => {
    const weight = values.take();
    return nn.dense(width, 3 * width, { bias: false, initializer: () => weight });
  };
  const dense = (inputs: number, outputs: number, activation?: typeof gelu): nn.Layer =>
    nn.dense(inputs, outputs, { ...values.affine(), activation: activation ?? 'identity' });
  const first = [norm(), projection(), dense(width, width)] as const;
  const second = [norm(), dense(width, 4 * width, gelu), dense(4 * width, width)] as const;
  return composed([...first, ...second], (x) => {
    const [normOne, forHeads, project] = first;
    const attended = project.apply(attention(forHeads.apply(normOne.apply(x)), heads));
    const middle = add(x, attended);
    const [normTwo, up, down] = second;
    return add(middle, down.apply(up.apply(normTwo.apply(middle))));
  });
}

/** Causal attention over queries, keys and values that lie side by side, [batch, time, 3 · width]. */
function attention(x: Tensor, heads: number): Tensor {
  const [batch = 1, time = 1, three = 3] = x.shape;
  const width = three / 3;
  const depth = width / heads;
  const part = (i: number): Tensor => {
    const own = slice(x, [0, 0, i * width], [batch, time, (i + 1) * width]);
    return transpose(reshape(own, [batch, time, heads, depth]), [0, 2, 1, 3]);
  };
  const [queries, keys, theirs] = [part(0), part(1), part(2)];
  const scores = mul(matmul(queries, keys, { transposeB: true }), 1 / Math.sqrt(depth));
  const past = lessEqual(reshape(arange(time), [1, time]), reshape(arange(time), [time, 1]));
  const weights = softmax(where(past, scores, -1e9), { axis: -1 });
  const mixed = transpose(matmul(weights, theirs), [0, 2, 1, 3]);
  return reshape(mixed, [batch, time, width]);
}

function normalized({ activation, ...spec }: Normalized, values: Values): nn.Layer {
  const { inputs, outputs, window, stride } = spec;
  const weight = values.take();
  values.skip(2);
  const padding = (window - 1) / 2;
  const options = { stride, padding, bias: false, initializer: () => weight };
  const convolution = nn.conv2d(inputs, outputs, window, options);
  const norm = nn.batchNorm2d(outputs, { epsilon: EPSILON, trackRunningStats: false });
  return composed([convolution, norm], (x) => {
    const y = norm.apply(convolution.apply(x), { training: true });
    return activation ? relu(y) : y;
  });
}

function residual(spec: Extract<LayerSpec, { kind: 'residual' }>, values: Values): nn.Layer {
  const parts = convolutionsOf(spec).map((each) => normalized(each, values));
  const [first, second, shortcut] = parts;
  return composed(parts, (x) => {
    const y = second!.apply(first!.apply(x));
    return relu(add(y, shortcut ? shortcut.apply(x) : x));
  });
}
