// Times single kernels and compares their bits: for the tuner and the profiler.
import { input } from '../ops/leaf.js';
import type { Device, Trial } from './device.js';
import { makeScratch } from './scratch.js';

/** Milliseconds for which a kernel is repeated while its time is taken. */
const MEASURED = 5;

/** Buffers to try kernels on, as `makeScratch` makes them. `free` them. */
export function makeTrials(owner: Device, sizes: readonly number[]) {
  const scratch = makeScratch(owner, sizes);
  /** Milliseconds that one call takes, of as many as take MEASURED in all. */
  async function time(kernel: Trial): Promise<number> {
    for (let calls = 1; ; calls *= 2) {
      const milliseconds = await scratch.run(kernel, calls);
      if (milliseconds >= MEASURED) return milliseconds / calls;
    }
  }
  /** The bits in all buffers after a call on numbers in [−1, 1], the same each time. */
  async function bitsAfter(kernel: Trial): Promise<string> {
    for (const buffer of scratch.buffers) {
      const numbers = new Float32Array(buffer.size / 4).map((_, i) => Math.sin(i));
      owner.device.queue.writeBuffer(buffer, 0, numbers);
    }
    await scratch.run(kernel);
    const words = scratch.buffers.map((buffer) => {
      return { node: input([buffer.size / 4], { dtype: 'u32' }), buffer, offset: 0 };
    });
    const readBack = owner.copyAside(words);
    owner.queue.flush();
    return (await readBack()).map(({ data }) => data.join()).join();
  }
  return { run: scratch.run, time, bitsAfter, free: scratch.free };
}
