// The benchmark's networks in TensorFlow.js.
import * as tf from '@tensorflow/tfjs-core';
import { convolutionsOf, EPSILON, type LayerSpec, type Normalized } from '../networks.js';

export function forward(
  layers: readonly LayerSpec[],
  parameters: readonly tf.Tensor[],
  x: tf.Tensor,
): tf.Tensor2D {
  let next = 0;
  const take = <T extends tf.Tensor>(): T => parameters[next++] as T;
  const images = x.rank === 4 ? tf.transpose(x, [0, 2, 3, 1]) : x;
  return layers.reduce<tf.Tensor>((h, layer) => apply(layer, h, take), images) as tf.Tensor2D;
}

type Take = <T extends tf.Tensor>() => T;

/** A layer; `take` gives its parameters, in order. */
function apply(layer: LayerSpec, h: tf.Tensor, take: Take): tf.Tensor {
  switch (layer.kind) {
    case 'dense':
      return tf.fused.matMul({
        a: h,
        b: take(),
        bias: take(),
        activation: layer.activation ?? 'linear',
      });
    case 'conv2d':
      return tf.relu(
        tf.add(tf.conv2d(h as tf.Tensor4D, take<tf.Tensor4D>(), 1, layer.padding), take()),
      );
    case 'maxPool2d':
      return tf.maxPool(h as tf.Tensor4D, 2, 2, 'valid');
    case 'flatten':
      return tf.reshape(tf.transpose(h, [0, 3, 1, 2]), [h.shape[0]!, -1]);
    case 'lstm':
      return lstm(h as tf.Tensor3D, layer.outputs, [take(), take(), tf.add(take(), take())]);
    case 'embedding':
      return tf.add(tf.gather(take(), h), take());
    case 'transformer':
      return transformer(layer, h as tf.Tensor3D, take);
    case 'layerNorm':
      return layerNorm(h, take);
    case 'rows':
      return tf.reshape(h, [-1, h.shape.at(-1)!]);
    case 'normalized':
      return normalized(layer, h as tf.Tensor4D, take);
    case 'residual': {
      const [first, second, shortcut] = convolutionsOf(layer);
      const x = h as tf.Tensor4D;
      const y = normalized(second!, normalized(first!, x, take), take);
      return tf.relu(tf.add(y, shortcut ? normalized(shortcut, x, take) : x));
    }
    case 'averagePool':
      return tf.mean(h, [1, 2]);
    default:
      return layer satisfies never;
  }
}

export function layerNorm(x: tf.Tensor, take: Take): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, EPSILON)));
  return tf.add(tf.mul(normal, take()), take());
}

/** z Φ(z). */
const gelu = (z: tf.Tensor): tf.Tensor =>
  tf.mul(tf.mul(z, 0.5), tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1));

const masks = new Map<number, tf.Tensor>();

/** 0 where a position may look, a large negative number at what comes later; made once. */
function maskOf(time: number): tf.Tensor {
  const known = masks.get(time);
  if (known) return known;
  const data = Float32Array.from({ length: time ** 2 }, (_, i) =>
    i % time > Math.floor(i / time) ? -1e9 : 0,
  );
  const mask = tf.keep(tf.tensor2d(data, [time, time]));
  masks.set(time, mask);
  return mask;
}

function transformer(
  { width, heads }: Extract<LayerSpec, { kind: 'transformer' }>,
  x: tf.Tensor3D,
  take: Take,
): tf.Tensor {
  const [batch, time] = x.shape;
  const dense = (a: tf.Tensor): tf.Tensor =>
    tf.fused.matMul({ a: tf.reshape(a, [batch * time, -1]), b: take(), bias: take() });
  const rows = tf.reshape(x, [batch * time, width]);
  const parts = tf
    .split(tf.matMul(layerNorm(rows, take), take()), 3, 1)
    .map((each) =>
      tf.transpose(tf.reshape(each, [batch, time, heads, width / heads]), [0, 2, 1, 3]),
    );
  const [queries, keys, values] = parts as [tf.Tensor, tf.Tensor, tf.Tensor];
  const scores = tf.mul(tf.matMul(queries, keys, false, true), Math.sqrt(heads / width));
  const weights = tf.softmax(tf.add(scores, maskOf(time)));
  const mixed = tf.transpose(tf.matMul(weights, values), [0, 2, 1, 3]);
  const middle = tf.add(rows, dense(mixed));
  const up = gelu(dense(layerNorm(middle, take)));
  return tf.reshape(tf.add(middle, dense(up)), [batch, time, width]);
}

function normalized(
  { window, stride, activation }: Normalized,
  x: tf.Tensor4D,
  take: Take,
): tf.Tensor4D {
  const z = tf.conv2d(x, take<tf.Tensor4D>(), stride, (window - 1) / 2);
  const { mean, variance } = tf.moments(z, [0, 1, 2]);
  const [gain, bias] = [take<tf.Tensor1D>(), take<tf.Tensor1D>()];
  const statistics = [mean as tf.Tensor1D, variance as tf.Tensor1D] as const;
  const y = tf.batchNorm4d(z, ...statistics, bias, gain, EPSILON);
  return activation ? tf.relu(y) : y;
}

/** The last hidden state over [batch, time, inputs]. */
function lstm(
  x: tf.Tensor3D,
  hidden: number,
  [forInput, forState, bias]: [tf.Tensor, tf.Tensor, tf.Tensor],
): tf.Tensor {
  const [batch, time, inputs] = x.shape;
  const given = tf.add(tf.matMul(tf.reshape(x, [batch * time, inputs]), forInput), bias);
  const steps = tf.unstack(tf.reshape(given, [batch, time, 4 * hidden]), 1);
  let [h, c]: (tf.Tensor | undefined)[] = [];
  for (const now of steps) {
    const z = h ? tf.add(now, tf.matMul(h, forState)) : now;
    const [input, forget, candidate, output] = tf.split(z, 4, 1) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const fresh = tf.mul(tf.sigmoid(input), tf.tanh(candidate));
    c = c ? tf.add(fresh, tf.mul(tf.sigmoid(forget), c)) : fresh;
    h = tf.mul(tf.sigmoid(output), tf.tanh(c));
  }
  return h!;
}
