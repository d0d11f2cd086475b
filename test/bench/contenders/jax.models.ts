// The benchmark's networks in jax-js.
import { type Array as JaxArray, lax, nn, numpy as np, tree } from '@jax-js/jax';
import { convolutionsOf, EPSILON, type LayerSpec, type Normalized } from '../networks.js';

export function forward(
  layers: readonly LayerSpec[],
  parameters: readonly JaxArray[],
  x: JaxArray,
): JaxArray {
  let next = 0;
  const take = (): JaxArray => parameters[next++]!;
  return layers.reduce((h, layer) => apply(layer, h, take), x);
}

/** A layer; `take` gives its parameters, in order. */
function apply(layer: LayerSpec, h: JaxArray, take: () => JaxArray): JaxArray {
  switch (layer.kind) {
    case 'dense': {
      const z = np.matmul(h, take()).add(take());
      return layer.activation ? nn.relu(z) : z;
    }
    case 'conv2d': {
      const z = convolve(h, take(), 1, layer.padding);
      return nn.relu(z.add(take().reshape([1, layer.outputs, 1, 1])));
    }
    case 'maxPool2d':
      return lax.reduceWindow(h, np.max, [2, 2], [2, 2]);
    case 'flatten':
      return h.reshape([h.shape[0]!, -1]);
    case 'lstm':
      return lstm(h, layer.outputs, [take(), take(), take().add(take())]);
    case 'embedding': {
      const rows = np.take(take(), h, 0);
      return rows.add(take());
    }
    case 'transformer':
      return transformer(layer, h, take);
    case 'layerNorm':
      return layerNorm(h, take);
    case 'rows':
      return h.reshape([-1, h.shape.at(-1)!]);
    case 'normalized':
      return normalized(layer, h, take);
    case 'residual':
      return residual(layer, h, take);
    case 'averagePool':
      return np.mean(h, [2, 3]);
    default:
      return layer satisfies never;
  }
}

type Take = () => JaxArray;

export const convolve = (x: JaxArray, w: JaxArray, stride: number, padding: number): JaxArray => {
  const around: [number, number] = [padding, padding];
  return lax.convGeneralDilated(x, w, [stride, stride], [around, around]);
};

const dense = (x: JaxArray, take: Take): JaxArray => np.matmul(x, take()).add(take());

const layerNorm = (x: JaxArray, take: Take): JaxArray =>
  nn.standardize(x, -1, { epsilon: EPSILON }).mul(take()).add(take());

function transformer(
  { width, heads }: Extract<LayerSpec, { kind: 'transformer' }>,
  x: JaxArray,
  take: Take,
): JaxArray {
  const [batch, time] = x.shape as [number, number];
  const [q, k, v] = np.split(np.matmul(layerNorm(x.ref, take), take()), 3, -1) as [
    ...[JaxArray, JaxArray, JaxArray],
  ];
  const byHeads = (each: JaxArray): JaxArray => each.reshape([batch, time, heads, width / heads]);
  const options = { isCausal: true };
  const mixed = nn.dotProductAttention(byHeads(q), byHeads(k), byHeads(v), options);
  const middle = x.add(dense(mixed.reshape([batch, time, width]), take));
  const up = nn.gelu(dense(layerNorm(middle.ref, take), take), { approximate: false });
  return middle.add(dense(up, take));
}

function normalized(
  { outputs, window, stride, activation }: Normalized,
  x: JaxArray,
  take: Take,
): JaxArray {
  const z = convolve(x, take(), stride, (window - 1) / 2);
  const perChannel = (each: JaxArray): JaxArray => each.reshape([1, outputs, 1, 1]);
  const normal = nn.standardize(z, [0, 2, 3], { epsilon: EPSILON });
  const y = normal.mul(perChannel(take())).add(perChannel(take()));
  return activation ? nn.relu(y) : y;
}

function residual(
  layer: Extract<LayerSpec, { kind: 'residual' }>,
  x: JaxArray,
  take: Take,
): JaxArray {
  const [first, second, shortcut] = convolutionsOf(layer);
  const y = normalized(second!, normalized(first!, x.ref, take), take);
  return nn.relu(y.add(shortcut ? normalized(shortcut, x, take) : x));
}

/** The last hidden state over [batch, time, inputs]. */
function lstm(
  x: JaxArray,
  hidden: number,
  [forInput, forState, bias]: [JaxArray, JaxArray, JaxArray],
): JaxArray {
  const time = x.shape[1]!;
  const given = np.matmul(x, forInput).add(bias);
  let [h, c]: (JaxArray | undefined)[] = [];
  for (let t = 0; t < time; t++) {
    const now = given.ref.slice([], t);
    const z = h ? now.add(np.matmul(h, forState.ref)) : now;
    const gate = (k: number): JaxArray => z.ref.slice([], [k * hidden, (k + 1) * hidden]);
    const fresh = nn.sigmoid(gate(0)).mul(np.tanh(gate(2)));
    c = c ? fresh.add(nn.sigmoid(gate(1)).mul(c)) : fresh;
    h = nn.sigmoid(gate(3)).mul(np.tanh(c.ref));
    z.dispose();
  }
  tree.dispose([given, forState, c]);
  return h!;
}
