import { input } from '../ops/leaf.js';
import type { Device } from './device.js';
import type { Dispatch } from './plan.js';

/** Buffers of their own to try a kernel on. `free` them. */
export class Scratch {
  readonly #device: Device;
  readonly #buffers: readonly GPUBuffer[];

  constructor(device: Device, { bindings }: Dispatch) {
    this.#device = device;
    this.#buffers = bindings.map(({ place }) => device.createBuffer(place.bytes));
  }

  /** Writes numbers in [−1, 1], the same each time. */
  fill(): void {
    for (const buffer of this.#buffers)
      this.#device.device.queue.writeBuffer(
        buffer,
        0,
        Float32Array.from({ length: buffer.size / 4 }, (_, i) => Math.sin(i)),
      );
  }

  /** Milliseconds that so many calls of a kernel take, in one submit. */
  async run({ wgsl, bindings }: Dispatch, workgroups: Dispatch['workgroups'], calls = 1): Promise<number> {
    const { device } = this.#device;
    const pipeline = await this.#device.pipeline(wgsl, bindings);
    const entries = this.#buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    for (let call = 0; call < calls; call++) pass.dispatchWorkgroups(...workgroups);
    pass.end();
    const began = performance.now();
    device.queue.submit([encoder.finish()]);
    await this.#device.idle();
    return performance.now() - began;
  }

  /** The bits that lie in all of them. */
  async read(): Promise<string> {
    const encoder = this.#device.device.createCommandEncoder();
    const words = this.#buffers.map((buffer) => [input([buffer.size / 4], { dtype: 'u32' }), buffer, 0] as const);
    const take = this.#device.copyAside(encoder, words);
    this.#device.device.queue.submit([encoder.finish()]);
    return (await take()).map(({ data }) => data.join()).join();
  }

  free(): void {
    this.#device.destroyBuffers(this.#buffers);
  }
}
