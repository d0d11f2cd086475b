// Temporary buffers to run a single kernel on.

import type { Dispatch } from '../compiler/describe.js';
import type { Clock } from './clock.js';
import type { Device, Trial } from './device.js';

/** The bytes of each buffer that a dispatch binds. */
export const sizesOf = ({ bindings }: Pick<Dispatch, 'bindings'>): number[] =>
  bindings.map(({ place }) => place.bytes);

/** Buffers of their own, of so many bytes, to try kernels on, and `others` beside them. `free` them. */
export function makeScratch(
  owner: Device,
  sizes: readonly number[],
  otherSizes: readonly number[] = [],
) {
  const { device } = owner;
  const all = owner.createBuffers([...sizes, ...otherSizes]);
  const buffers = all.slice(0, sizes.length);
  const others = all.slice(sizes.length);
  const resources = buffers.map((buffer) => ({ buffer }));
  /** Runs so many calls of a kernel in one submit. Returns milliseconds, by a clock of the device if one is given. */
  async function run(kernel: Trial, calls = 1, clock?: Clock): Promise<number> {
    owner.rehearsed.add(kernel.wgsl);
    const pipeline = await owner.pipeline(kernel);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass(clock?.pass);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, owner.bind(pipeline, resources));
    for (let call = 0; call < calls; call++) pass.dispatchWorkgroups(...kernel.workgroups);
    pass.end();
    clock?.stop(encoder);
    const began = performance.now();
    device.queue.submit([encoder.finish()]);
    await owner.idle();
    return clock ? clock.read() : performance.now() - began;
  }
  return { buffers, others, run, free: () => owner.destroyBuffers(all) };
}
