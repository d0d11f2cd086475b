// The adapter at hand as a card, from probes, and how long its dispatches really take: says how wrong the model is.
import type { Dispatch } from '../../../src/compiler/describe.js';
import type { GpuBackend } from '../../../src/gpu/backend.js';
import { makeStopwatch } from '../../../src/gpu/clock.js';
import type { Trial } from '../../../src/gpu/device.js';
import { makeScratch, sizesOf } from '../../../src/gpu/scratch.js';
import type { Card } from './cards.js';

const STEPS = 2 ** 14;
const WORKGROUPS = 64;
/** Invocations of a wave where the adapter does not say: hardware has at least so many. */
const WAVE = 32;
const MOST = 128;

/** Adds STEPS numbers one after the other, from a buffer or from workgroup memory. */
const chain = (source: string, invocations: number) => `
@group(0) @binding(0) var<storage, read> b0: array<f32, ${STEPS}>;
@group(0) @binding(1) var<storage, read_write> b1: array<f32, ${MOST * WORKGROUPS}>;
var<workgroup> shared_numbers: array<f32, 1024>;
@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  shared_numbers[lane] = b0[lane];
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < ${STEPS}u; i++) { sum += ${source}; }
  b1[id.x] = sum;
}`;
const nothing = `
@group(0) @binding(0) var<storage, read> b0: array<f32, 1>;
@group(0) @binding(1) var<storage, read_write> b1: array<f32, 1>;
@compute @workgroup_size(1)
fn main() { b1[0] = b0[0]; }`;

const trial = (wgsl: string, workgroups: number): Trial => ({
  wgsl,
  bindings: [{ access: 'read' }, { access: 'read_write' }],
  workgroups: [workgroups, 1, 1],
});

/** Nanoseconds of one call of a kernel: the best of three, after one that compiles. */
async function timeOf(backend: GpuBackend, kernel: Trial, sizes: readonly number[]) {
  const scratch = makeScratch(backend, sizes);
  const stopwatch = makeStopwatch(backend, scratch.run);
  try {
    await scratch.run(kernel);
    const times = [];
    for (let i = 0; i < 3; i++) times.push(await stopwatch.time(kernel));
    return 1e6 * Math.min(...times);
  } finally {
    stopwatch.free();
    scratch.free();
  }
}

/** How long one call of a dispatch takes by itself, in nanoseconds. */
export const measuredTime = (backend: GpuBackend, dispatch: Dispatch): Promise<number> =>
  timeOf(backend, dispatch, sizesOf(dispatch));

/**
 * The adapter as a card. `backend` profiles, whose probe gives FP32 and bandwidth. Latencies are the times of a step of a chain
 * of loads in one workgroup; what the adapter holds at one time is how many such workgroups it gets through in that time.
 */
export async function measuredCard(backend: GpuBackend): Promise<Card> {
  const peaks = (await backend.profile())?.peaks;
  if (!peaks) throw new RangeError('the backend does not profile');
  const wave = backend.context.lanes > 1 ? backend.context.lanes : WAVE;
  const sizes = [4 * STEPS, 4 * MOST * WORKGROUPS];
  const probe = (source: string, workgroups: number): Promise<number> =>
    timeOf(backend, trial(chain(source, wave), workgroups), sizes);
  const launch = await timeOf(backend, trial(nothing, 1), [4, 4]);
  const one = await probe('b0[i]', 1);
  const many = await probe('b0[i]', WORKGROUPS);
  const shared = await probe('shared_numbers[i % 1024u]', 1);
  return {
    ...{ name: 'measured', ...peaks, launch },
    ...{ cores: (WORKGROUPS * one) / many, waves: 1, wave },
    globalLatency: Math.max(0, one - launch) / STEPS,
    sharedLatency: Math.max(0, shared - launch) / STEPS,
  };
}
