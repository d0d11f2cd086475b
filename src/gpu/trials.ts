// Kernels that should compute the same, tried on buffers like those of one dispatch: their bits, and their times.
import fingerprint from '../../shaders/fingerprint.wgsl?raw';
import type { Dispatch } from '../compiler/describe.js';
import { isFloat } from '../core/dtype.js';
import { DeviceError } from '../core/errors.js';
import { input } from '../ops/leaf.js';
import { tuning } from '../planning/limits.js';
import { fill, render } from '../wgsl/kernel.js';
import { Vocabulary } from '../wgsl/library.js';
import { makeStopwatch } from './clock.js';
import type { Device, Trial } from './device.js';
import { makeScratch, sizesOf } from './scratch.js';

/** Bytes of the numbers that fill buffers over and over. */
const BLOCK = 2 ** 20;
/** Bytes of what a fingerprint is made of: two words. */
const SUMS = 8;
/** Adds to a fingerprint that of another buffer. */
const fingerprinting = (): Trial => {
  const filling = { parts: {}, constants: { GROUP: 64 }, vocabulary: new Vocabulary() };
  return {
    wgsl: render(fill(fingerprint, filling), []),
    workgroups: [1, 1, 1],
    bindings: [{ access: 'read' }, { access: 'read_write' }],
  };
};

/** Buffers as a dispatch binds them, to try others on that compute the same. `free` them. */
function makeTrials(owner: Device, { bindings }: Dispatch) {
  const { device } = owner;
  const sizes = sizesOf({ bindings });
  const bytes = Math.min(BLOCK, Math.max(16, ...sizes));
  const scratch = makeScratch(owner, sizes, [bytes, SUMS]);
  const stopwatch = makeStopwatch(owner, scratch.run);
  const [block, sums] = scratch.others as [GPUBuffer, GPUBuffer];
  device.queue.writeBuffer(block, 0, tameWords(bytes / 4));
  /** Fills all buffers, of integers with zeros: numbers in [−1, 1], each time the same. */
  function reset(encoder: GPUCommandEncoder): void {
    for (const [at, buffer] of scratch.buffers.entries()) {
      encoder.clearBuffer(buffer);
      if (!bindings[at] || !isFloat(bindings[at].dtype)) continue;
      for (let offset = 0; offset < buffer.size; offset += bytes) {
        const size = Math.min(bytes, buffer.size - offset);
        encoder.copyBufferToBuffer(block, 0, buffer, offset, size);
      }
    }
  }
  /** What tells the bits of all that a call writes. */
  async function bitsAfter(kernel: Trial): Promise<string> {
    const encoder = device.createCommandEncoder();
    reset(encoder);
    encoder.clearBuffer(sums);
    device.queue.submit([encoder.finish()]);
    await scratch.run(kernel);
    const pipeline = await owner.pipeline(fingerprinting());
    const { encoder: reading } = owner.queue;
    const pass = reading.beginComputePass();
    pass.setPipeline(pipeline);
    for (const [at, buffer] of scratch.buffers.entries()) {
      if (bindings[at]?.access !== 'read_write') continue;
      pass.setBindGroup(0, owner.bind(pipeline, [{ buffer }, { buffer: sums }]));
      pass.dispatchWorkgroups(Math.min(256, Math.ceil(buffer.size / 256)));
    }
    pass.end();
    const node = input([2], { dtype: 'u32' });
    const readBack = owner.copyAside([{ node, buffer: sums, offset: 0 }]);
    owner.queue.flush();
    return (await readBack()).map(({ data }) => data.join()).join();
  }
  function free(): void {
    stopwatch.free();
    scratch.free();
  }
  return { time: stopwatch.time, bitsAfter, free };
}

/** Words that are numbers in [−1, 1] as f32, and two small ones as f16: with bit 14 clear, the lower half is below 2. */
const tameWords = (length: number): Uint32Array<ArrayBuffer> => {
  const numbers = Float32Array.from({ length }, (_, at) => Math.sin(at));
  return new Uint32Array(numbers.buffer).map((word) => word & ~0x4000);
};

/**
 * The number of the dispatch that takes least time, among those that give the bits of the first one; another than the first
 * must be faster by `tuning.gain`. After the deadline, by `performance.now()`, it is the fastest so far.
 */
export async function fastestOf(
  owner: Device,
  dispatches: readonly [Dispatch, ...Dispatch[]],
  deadline: number,
): Promise<number> {
  const made: ReturnType<typeof makeTrials>[] = [];
  const texts = dispatches.map(({ wgsl }) => wgsl);
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  let bits: string | undefined;
  let longest = 0; // ms that one of them took, with all that belongs to it
  try {
    await owner.watched(() => made.push(makeTrials(owner, dispatches[0])));
    for (const trials of made)
      for (const [at, dispatch] of dispatches.entries()) {
        const began = performance.now();
        if (texts.indexOf(dispatch.wgsl) < at || began + longest > deadline) continue;
        const own = await trials.bitsAfter(dispatch); // drivers compile at the first call
        bits ??= own;
        if (own === bits) {
          const time = await trials.time(dispatch, { best: least });
          const wanted = at === 0 ? time : time * (1 + tuning.gain);
          if (wanted < least) [best, least] = [at, time];
        }
        longest = Math.max(longest, performance.now() - began);
      }
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error; // no room for it: the first one stays
  } finally {
    for (const trials of made) trials.free();
  }
  return best;
}
