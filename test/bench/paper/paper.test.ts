// The GPU on paper counts what can be counted by hand, and reads every kernel that the planner writes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensor } from '../../../src/ops/leaf.js';
import { sum } from '../../../src/ops/reduce.js';
import { defaultLimits } from '../../../src/planning/limits.js';
import { table } from '../../support/ops.js';
import { seed } from '../../support/property.js';
import { graphsOf } from '../../support/records.js';
import { cases } from '../problems.js';
import { cards } from './cards.js';
import { dispatchesIn, dispatchesOfCase } from './plans.js';
import { inFlight, predict, workOf } from './predict.js';
import { dispatchTable, errorTable, predictStep, stepTable } from './tables.js';
import { walkKernel } from './walk.js';

const { h200, m3 } = cards as { h200: (typeof cards)[string]; m3: (typeof cards)[string] };

/** A kernel of workgroups of 64 around a body; `zero` is 0, which a compiler cannot know. */
const kernel = (body: string, declarations = ''): string => `
const LENGTH = 1000u;
@group(0) @binding(0) var<storage, read> b0: array<f32, 1000>;
@group(0) @binding(1) var<storage, read> b1: array<u32, 1000>;
@group(0) @binding(2) var<storage, read_write> b2: array<f32, 1000>;
var<workgroup> tree: array<f32, 64>;
${declarations}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let zero = group.z;
  var s = 0.0;
  ${body}
  b2[group.x * 64u + lane] = s;
}`;
const walked = (body: string, declarations?: string) => {
  const { parts } = walkKernel(kernel(body, declarations), [16, 1, 1]);
  const [{ serial, loads }] = parts as [(typeof parts)[number]];
  return [serial.global, serial.shared, loads.global, loads.shared];
};

describe('the walk counts steps and loads', () => {
  it.each([
    ['one load a turn', 'for (var i = 0u; i < LENGTH; i++) { s += b0[i]; }', [1000, 0, 1000, 0]],
    [
      'four loads a turn',
      `for (var i = 0u; i < LENGTH; i += 4u) {
         s += b0[i] + b0[i + 1u] + b0[i + 2u];
         s = s + b0[i + 3u];
       }`,
      [250, 0, 1000, 0],
    ],
    [
      'each lane its own',
      'for (var i = lane; i < LENGTH; i += 64u) { s += b0[i]; }',
      [16, 0, 16, 0],
    ],
    ['unrolled', 'for (var i = 0u; i < 8u; i++) { s += b0[i]; }', [1, 0, 8, 0]],
    ['not unrolled', 'for (var i = 0u; i < 8u + zero; i++) { s += b0[i]; }', [8, 0, 8, 0]],
    ['an address that was loaded', 's = b0[b1[b1[lane]]];', [3, 0, 3, 0]],
    ['a call', 's = twice(lane);', [2, 0, 2, 0], 'fn twice(i: u32) -> f32 { return b0[b1[i]]; }'],
    ['one way of a branch', 'if (lane == 1u) { s = b0[b1[0]]; } else { s = b0[0]; }', [1, 0, 1, 0]],
    ['both, where data decide', 'if (b1[0] > 3u) { s = b0[b1[1]]; }', [2, 0, 3, 0]],
    [
      'a tree',
      `tree[lane] = b0[lane];
       workgroupBarrier();
       for (var half = 32u; half > zero; half /= 2u) {
         if (lane < half) { tree[lane] += tree[lane + half]; }
         workgroupBarrier();
       }
       s = tree[0];`,
      // store; six times two loads at once and a store; the last load
      [1, 1 + 6 * 2 + 1, 1, 6 * 2 + 1],
    ],
    [
      'a search, as far as there may be bits',
      `var low = 0u; var high = LENGTH;
       while (low < high) {
         let middle = (low + high) / 2u;
         if (b1[middle] < lane) { low = middle + 1u; } else { high = middle; }
       }
       s = f32(low);`,
      [33, 0, 33, 0], // the first turn is decided
    ],
    ['a nest', 'for (var i = 0u; i < 50u; i++) { for (var j = 0u; j <= i; j++) { s += b0[j]; } }'],
  ] as const)('%s', (_, body, expected?: readonly number[], declarations?: string) => {
    const found = walked(body, declarations);
    // of 50 turns, samples stand for all
    if (!expected) expect(found[0]).toBeCloseTo((50 * 51) / 2, -2);
    else expect(found).toEqual(expected);
  });

  it('for any number of turns and of loads in one', () => {
    const trips = fc.integer({ min: 17, max: 5000 });
    fc.assert(
      fc.property(trips, fc.integer({ min: 1, max: 8 }), (turns, loads) => {
        const terms = Array.from({ length: loads }, (_, i) => `b0[i * ${loads}u + ${i}u]`);
        const body = `for (var i = 0u; i < ${turns}u; i++) { s += ${terms.join(' + ')}; }`;
        expect(walked(body)).toEqual([turns, 0, turns * loads, 0]);
      }),
      { seed, numRuns: 40 },
    );
  });

  it('in the last workgroup, where that has more to do', () => {
    const body = 'for (var i = 0u; i <= group.x * 10u; i++) { s += b0[i]; }';
    expect(walked(body)).toEqual([151, 0, 151, 0]);
  });

  it('of each kernel in a shared dispatch', () => {
    const turns = (from: string, length: number): string =>
      `${from} { for (var i = 0u; i < ${length}u; i++) { s += b0[i]; } return; }`;
    const body = [turns('if (group.x < 3u)', 100), turns('if (group.x < 5u)', 40), 's = b0[0];'];
    const { parts, invocations } = walkKernel(kernel(body.join('\n')), [16, 1, 1]);
    expect(parts.map(({ workgroups, serial }) => [workgroups, serial.global])).toEqual([
      [3, 100],
      [2, 40],
      [11, 1],
    ]);
    expect(invocations).toBe(64);
  });
});

describe('a prediction', () => {
  const work = {
    ...{ kernel: 'fold', ops: ['sum'], workgroups: 16, invocations: 64, flops: 1e6, bytes: 4e6 },
    parts: walkKernel(kernel('for (var i = 0u; i < LENGTH; i++) { s += b0[i]; }'), [16, 1, 1])
      .parts,
  };
  it('is the largest of floor, chain and waves', () => {
    // 1 MFLOP: 15 ns; 4 MB: 833 ns; a launch: 3 µs; 1,000 loads one after the other: 500 µs
    expect(predict(work, h200)).toEqual({
      floor: 3000,
      time: 5e5,
      ratio: 500 / 3,
      bound: 'serial',
    });
    // 4 MB at 100 GB/s: 40 µs
    expect(predict(work, m3)).toEqual({ floor: 4e4, time: 3.5e5, ratio: 8.75, bound: 'serial' });
    expect(inFlight(work)).toBe(1);
  });
  it('is that of waves where there are more than a card holds', () => {
    const [part] = work.parts as [(typeof work.parts)[number]];
    const many = { ...work, workgroups: 3200, parts: [{ ...part, workgroups: 3200 }] };
    // 6,400 waves, of which 10 cores hold 320
    expect(predict(many, m3)).toMatchObject({ time: 20 * 3.5e5, bound: 'waves' });
  });
  it('sums a step', () => {
    const { floor, time, worst } = predictStep([work, work], m3);
    expect([floor, time, worst]).toEqual([8e4, 7e5, 8.75]);
  });
  it('counts what is updated in place twice', () => {
    const text = kernel('s = b2[lane];').replaceAll('b2: array<f32, 1000>', 'b2: array<f32, 1024>');
    const buffer = { kind: 'slot' as const, bytes: 4096, nodes: [] };
    const places = [4000, 4000, 4096].map((bytes) => ({ buffer, offset: 0, bytes }));
    const bindings = places.map((place) => ({
      place,
      access: 'read_write' as const,
      dtype: 'f32' as const,
    }));
    const about = { kernel: 'k', ops: [], product: undefined, origins: new Map(), groups: [] };
    const workgroups = [16, 1, 1] as const;
    const dispatch = { ...about, wgsl: text, workgroups, bindings, computed: [], bytes: 8096 };
    expect(workOf(dispatch).bytes).toBe(8096 + 4096);
  });
});

it.each(['swiftshader', 'lavapipe', 'gpu'] as const)('reads every kernel: %s', (adapter) => {
  const context = {
    ...{ shared: new WeakMap(), limits: defaultLimits, adapter, f16: true },
    lanes: adapter === 'gpu' ? 1 : 4,
  };
  for (const entry of table) {
    const program = { outputs: graphsOf(entry, 1), updates: [], feedConstants: true };
    for (const dispatch of dispatchesIn(program, context)) {
      const { floor, time } = predict(workOf(dispatch), h200);
      expect(floor, dispatch.wgsl).toBeGreaterThanOrEqual(h200.launch);
      expect(time, dispatch.wgsl).toBeGreaterThanOrEqual(floor);
    }
  }
});

it('knows what dispatches of a plan read and write', () => {
  const program = {
    outputs: [sum(tensor(new Float32Array(600), [3, 200]), { axis: 1 })],
    updates: [],
  };
  const context = { shared: new WeakMap(), limits: defaultLimits, lanes: 1, f16: false };
  const [dispatch] = dispatchesIn(program, { ...context, adapter: 'gpu' });
  expect(workOf(dispatch!)).toMatchObject({ flops: 600, bytes: 4 * 603 });
});

it('prints dispatches, steps and errors', () => {
  const { name, make } = cases.find((each) => each.name === 'C sgd')!;
  const works = dispatchesOfCase(make()).map(workOf);
  const paper = { name, works, measured: works.map(() => 2 * h200.launch) };
  expect(dispatchTable(paper, [h200, m3])).toMatch(/^\| C sgd +\| calls \|.* h200: floor µs \|/);
  expect(stepTable([paper], [h200])).toMatch(new RegExp(`\\n\\| C sgd +\\| +${works.length} \\|`));
  expect(errorTable([paper], h200)).toMatch(/\n\| C sgd +\|/);
});
