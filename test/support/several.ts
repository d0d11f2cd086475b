// Ops of several outputs for tests: a composed one, one with rules of its own, and one that is differentiated by its definition.
import { defineOp } from '../../src/graph/define.js';
import { add, cos, mul, neg, sin } from '../../src/ops/arithmetic.js';

const wgsl = `@compute @workgroup_size(1) fn main() {
  var best = 0u;
  for (var i = 0u; i < LENGTH; i++) {
    out0[i] = sin(in0[i]);
    out1[i] = cos(in0[i]);
    if (in0[i] > in0[best]) { best = i; }
  }
  out2[0] = i32(best);
}`;

const seen = { calls: 0, cotangents: [] as boolean[] };
const size = (shape: readonly number[]): number =>
  shape.reduce((product, each) => product * each, 1);

/** sin x, cos x and the place of the largest x. Counts evaluations, and notes which cotangents its rule was given. */
const polarOf = defineOp({
  name: 'polar',
  outputs: ([x]) => [
    { shape: x!.shape, dtype: 'f32' },
    { shape: x!.shape, dtype: 'f32' },
    { shape: [], dtype: 'i32' },
  ],
  kernel: {
    kind: 'written',
    wgsl,
    constants: ([x]) => ({ LENGTH: size(x!) }),
    workgroups: () => [1, 1, 1],
  },
  reference: ([x]) => {
    seen.calls++;
    const data: number[] = [...x!.data];
    return [
      Float64Array.from(data, Math.sin),
      Float64Array.from(data, Math.cos),
      Int32Array.of(data.indexOf(Math.max(...data))),
    ];
  },
  vjp: ({ outputs: [s, c], cotangents }) => {
    seen.cotangents = cotangents.map((each) => each !== undefined);
    const [ds, dc] = cotangents;
    const parts = [ds && mul(ds, c!), dc && mul(dc, neg(s!))];
    return [parts.filter((part) => part !== undefined).reduce((total, part) => add(total, part))];
  },
  bound: [{ ulp: 4096 }, { ulp: 4096 }, { ulp: 0 }],
});
export const polar = Object.assign(polarOf, { seen });

/** x sin y and y cos x, with neither rule nor reference: both are those of the definition. */
export const twice = defineOp({
  name: 'twice',
  outputs: ([x]) => [
    { shape: x!.shape, dtype: 'f32' },
    { shape: x!.shape, dtype: 'f32' },
  ],
  kernel: {
    kind: 'written',
    wgsl: `@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {
      if (at.x >= LENGTH) { return; }
      out0[at.x] = in0[at.x] * sin(in1[at.x]);
      out1[at.x] = in1[at.x] * cos(in0[at.x]);
    }`,
    constants: ([x]) => ({ LENGTH: size(x!) }),
    workgroups: ([x]) => [Math.ceil(size(x!) / 64), 1, 1],
  },
  definition: ([x, y]) => [mul(x!, sin(y!)), mul(y!, cos(x!))],
  bound: ([x, y], outputs) =>
    outputs.map(({ data }) =>
      Float64Array.from(data, (_, i) => 2 ** -10 * (Math.abs(x.data[i]!) + Math.abs(y!.data[i]!))),
    ),
});

/** A rule that forgets its input. */
export const turned = defineOp({
  name: 'turned',
  outputs: ([x]) => [{ shape: x!.shape, dtype: 'f32' }],
  kernel: { kind: 'composed', compose: ([x]) => [neg(x!)] },
  vjp: () => [],
});
