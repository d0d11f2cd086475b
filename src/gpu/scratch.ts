// Temporary buffers to run a single kernel on.

import type { Dispatch } from '../compiler/describe.js';
import type { Device, Trial } from './device.js';

/** The bytes of each buffer that a dispatch binds. */
export const sizesOf = ({ bindings }: Pick<Dispatch, 'bindings'>): number[] =>
  bindings.map(({ place }) => place.bytes);

/** Buffers of their own, of so many bytes, to try kernels on. `free` them. */
export function makeScratch(owner: Device, sizes: readonly number[]) {
  const { device } = owner;
  const buffers = sizes.map((bytes) => owner.createBuffer(bytes));
  const resources = buffers.map((buffer) => ({ buffer }));
  /** Milliseconds that so many calls of a kernel take, in one submit. */
  async function run(kernel: Trial, calls = 1): Promise<number> {
    const pipeline = await owner.pipeline(kernel);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, owner.bind(pipeline, resources));
    for (let call = 0; call < calls; call++) pass.dispatchWorkgroups(...kernel.workgroups);
    pass.end();
    const began = performance.now();
    device.queue.submit([encoder.finish()]);
    await owner.idle();
    return performance.now() - began;
  }
  return { run, buffers, free: () => owner.destroyBuffers(buffers) };
}
