// Temporary buffers to run and time a single kernel on.

import type { Dispatch } from '../compiler/describe.js';
import { input } from '../ops/leaf.js';
import type { Device, Trial } from './device.js';

/** Milliseconds for which a kernel is repeated while its time is taken. */
const MEASURED = 5;

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
  /** Milliseconds that one call takes, of as many as take MEASURED in all. */
  async function time(kernel: Trial): Promise<number> {
    for (let calls = 1; ; calls *= 2) {
      const milliseconds = await run(kernel, calls);
      if (milliseconds >= MEASURED) return milliseconds / calls;
    }
  }
  /** The bits in all buffers after a call on numbers in [−1, 1], the same each time. */
  async function bitsAfter(kernel: Trial): Promise<string> {
    for (const buffer of buffers) {
      const numbers = new Float32Array(buffer.size / 4).map((_, i) => Math.sin(i));
      device.queue.writeBuffer(buffer, 0, numbers);
    }
    await run(kernel);
    const words = buffers.map((buffer) => {
      return { node: input([buffer.size / 4], { dtype: 'u32' }), buffer, offset: 0 };
    });
    const readBack = owner.copyAside(words);
    owner.queue.flush();
    return (await readBack()).map(({ data }) => data.join()).join();
  }
  return { run, time, bitsAfter, free: () => owner.destroyBuffers(buffers) };
}
