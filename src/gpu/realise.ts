import { constantValue } from '../cpu/backend.js';
import { type DType, halfToNumber, numberToHalf, type TensorData, type TypedArray } from '../dtype.js';
import { FeedError } from '../errors.js';
import type { Capture, Inspection } from '../graph/backend.js';
import type { Feeds } from '../graph/program.js';
import type { Tensor } from '../graph/tensor.js';
import { describe } from '../ops/leaf.js';
import { sizeOf } from '../shape.js';
import { base } from './alias.js';
import { align, nodeBytes, type Place, type PlanBuffer } from './arena.js';
import { type Device, usage } from './device.js';
import type { Dispatch, Plan } from './plan.js';

interface Call {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly dispatch: Dispatch;
}

/** Finds the GPU buffer of a plan's buffer that several plans share. */
export type SharedBuffer = (buffer: PlanBuffer) => GPUBuffer;

/** The words of host values as a buffer holds them. */
export function toWords({ data }: TensorData, { dtype }: Tensor): ArrayBufferView<ArrayBuffer> {
  const arrays: Record<DType, () => TypedArray> = {
    f32: () => Float32Array.from(data),
    i32: () => Int32Array.from(data),
    u32: () => Uint32Array.from(data),
    bool: () => Uint32Array.from(data),
    f16: () => Uint16Array.from(data, numberToHalf),
    u8: () => data,
  };
  const { buffer, byteOffset, byteLength } = arrays[dtype]();
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  if (byteLength % 4 === 0) return bytes;
  const padded = new Uint8Array(align(byteLength, 4));
  padded.set(bytes);
  return padded;
}

/** Values of a node from the bytes of its buffer. */
export function fromBytes(node: Tensor, bytes: ArrayBuffer): TensorData {
  const size = sizeOf(node.shape);
  const arrays: Record<DType, () => TypedArray> = {
    f32: () => new Float32Array(bytes, 0, size),
    i32: () => new Int32Array(bytes, 0, size),
    u32: () => new Uint32Array(bytes, 0, size),
    u8: () => new Uint8Array(bytes, 0, size),
    bool: () => Uint8Array.from(new Uint32Array(bytes, 0, size)),
    f16: () => Float32Array.from(new Uint16Array(bytes, 0, size), halfToNumber),
  };
  return { shape: node.shape, dtype: node.dtype, data: arrays[node.dtype]() };
}

/** A plan on a device: buffers, pipelines and bind groups, made once and replayed. */
export class Realised {
  readonly plan: Plan;
  readonly #device: Device;
  readonly #shared: SharedBuffer;
  readonly #own = new Map<PlanBuffer, GPUBuffer>();
  readonly #staging: GPUBuffer[] = [];
  /** All that is this plan's alone; freed with it. */
  readonly #live = new Set<GPUBuffer>();
  readonly #readBytes: number;
  #calls: Call[] = [];

  private constructor(plan: Plan, device: Device, shared: SharedBuffer) {
    this.plan = plan;
    this.#device = device;
    this.#shared = shared;
    device.destroyWith(this, this.#live);
    this.#readBytes = plan.outputs.reduce((total, { place }) => total + align(place.bytes, 16), 0);
  }

  static async make(
    plan: Plan,
    device: Device,
    shared: SharedBuffer,
    onProgress?: (done: number, total: number) => void,
  ): Promise<Realised> {
    const realised = new Realised(plan, device, shared);
    let done = 0;
    const total = new Set(plan.dispatches.map(({ wgsl }) => wgsl)).size;
    const pipelines = await Promise.all(
      plan.dispatches.map(async ({ wgsl, bindings }) => {
        const before = device.stats.pipelines;
        const pipeline = await device.pipeline(
          wgsl,
          bindings.map(({ access }) => access),
        );
        if (device.stats.pipelines > before) onProgress?.(Math.min(++done, total), total);
        return pipeline;
      }),
    );
    await device.watched(() => {
      for (const buffer of plan.buffers) realised.buffer(buffer);
      realised.#calls = plan.dispatches.map((dispatch, i) => ({
        pipeline: pipelines[i]!,
        dispatch,
        group: realised.#group(dispatch),
      }));
    });
    return realised;
  }

  /** The GPU buffer behind a plan's buffer. */
  buffer(buffer: PlanBuffer): GPUBuffer {
    if (buffer.kind === 'parameters' || buffer.kind === 'constant') return this.#shared(buffer);
    let own = this.#own.get(buffer);
    if (!own) {
      own = this.#device.storage(buffer);
      this.#own.set(buffer, own);
      this.#live.add(own);
    }
    return own;
  }

  #group({ bindings }: Dispatch): GPUBindGroup {
    return this.#device.device.createBindGroup({
      layout: this.#device.layout(bindings.map(({ access }) => access)),
      entries: bindings.map(({ place }, binding) => ({
        binding,
        resource: { buffer: this.buffer(place.buffer), offset: place.offset, size: place.bytes },
      })),
    });
  }

  /** Uploads the feeds; ordered before the next submit. */
  upload(feeds: Feeds): void {
    for (const [node, place] of this.plan.feeds) {
      const value = feeds.get(node);
      if (!value) throw new FeedError(`feeds: ${describe(node)} has no value`);
      const words = toWords(value, node);
      this.#device.device.queue.writeBuffer(this.buffer(place.buffer), place.offset, words);
      this.#device.stats.uploadedBytes += words.byteLength;
    }
  }

  /**
   * Encodes the whole program: one compute pass, or one a kernel call where `inspect` looks around it. What that returns
   * is called when its kernel is encoded.
   */
  encode(
    encoder: GPUCommandEncoder,
    staging?: GPUBuffer,
    inspect?: (dispatch: Dispatch, at: number) => () => void,
  ): void {
    if (staging) this.#copyOutputs(encoder, staging, true);
    let pass = inspect ? undefined : encoder.beginComputePass();
    this.#calls.forEach(({ pipeline, group, dispatch }, at) => {
      const after = inspect?.(dispatch, at);
      pass ??= encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...dispatch.workgroups);
      if (!after) return;
      pass.end();
      pass = undefined;
      after();
    });
    pass?.end();
    for (const { from, to } of this.plan.copies) this.#copy(encoder, from, this.buffer(to.buffer), to.offset);
    if (staging) this.#copyOutputs(encoder, staging, false);
  }

  /**
   * Encodes the program with the selected kernel calls captured: what each reads is copied before it, what it stores
   * after it, all in one submit. Returns how to take the captures out of their buffers once that has run.
   */
  encodeInspected(
    encoder: GPUCommandEncoder,
    select: Inspection['select'],
    staging?: GPUBuffer,
  ): (() => Promise<Capture>)[] {
    const captures: (() => Promise<Capture>)[] = [];
    this.encode(encoder, staging, ({ kernel, wgsl, units }, at) => {
      const picked = select(at, this.#calls.length) ? units : [];
      const before = picked.map((unit) => this.#capture(encoder, [...unit.reads]));
      return () =>
        picked.forEach((unit, i) => {
          const after = this.#capture(encoder, unit.stores);
          captures.push(async () => ({ kernel, wgsl, reads: await before[i]!(), results: await after() }));
        });
    });
    return captures;
  }

  /** Copies the present values of nodes aside; the function returned reads them. */
  #capture(encoder: GPUCommandEncoder, nodes: readonly Tensor[]): () => Promise<Map<Tensor, TensorData>> {
    const isFixed = ({ kind, node }: PlanBuffer, read: Tensor): boolean => kind === 'constant' && node === base(read);
    const fixed = nodes.filter((node) => isFixed(this.plan.places.get(base(node))!.buffer, node));
    const moving = nodes.filter((node) => !fixed.includes(node));
    const parts = moving.map((node) => {
      const place = this.plan.places.get(base(node))!;
      const bytes = align(nodeBytes(node), 4);
      const staging = this.#device.createBuffer(bytes, usage.mapRead | usage.copyDestination);
      this.#copy(encoder, { ...place, bytes }, staging, 0);
      return { node, staging };
    });
    return async () => {
      // constants are what the host gave; a data set is not copied for every look
      const values = new Map<Tensor, TensorData>(fixed.map((node) => [node, constantValue(base(node))]));
      for (const { node, staging } of parts) {
        await staging.mapAsync(1);
        values.set(node, fromBytes(node, staging.getMappedRange().slice(0)));
        this.#device.destroyBuffer(staging);
      }
      return values;
    };
  }

  #copy(encoder: GPUCommandEncoder, { buffer, offset, bytes }: Place, to: GPUBuffer, at: number): void {
    encoder.copyBufferToBuffer(this.buffer(buffer), offset, to, at, align(bytes, 4));
  }

  #copyOutputs(encoder: GPUCommandEncoder, staging: GPUBuffer, before: boolean): void {
    let offset = 0;
    for (const output of this.plan.outputs) {
      const { place } = output;
      if (output.before === before) this.#copy(encoder, place, staging, offset);
      offset += align(place.bytes, 16);
    }
  }

  /** A buffer to read outputs through, kept for the next time. */
  takeStaging(): GPUBuffer {
    const kept = this.#staging.pop();
    if (kept) return kept;
    const made = this.#device.createBuffer(Math.max(16, this.#readBytes), usage.mapRead | usage.copyDestination);
    this.#live.add(made);
    return made;
  }

  /** Waits for a staging buffer and takes the outputs out of it. */
  async readOutputs(staging: GPUBuffer): Promise<TensorData[]> {
    await staging.mapAsync(1); // read
    const bytes = staging.getMappedRange();
    let offset = 0;
    const values = this.plan.outputs.map(({ node }) => {
      const value = fromBytes(node, bytes.slice(offset, offset + Math.ceil(nodeBytes(node) / 4) * 4));
      offset += align(nodeBytes(node), 16);
      return value;
    });
    staging.unmap();
    this.#device.stats.readBytes += offset;
    this.#staging.push(staging);
    return values;
  }

  release(): void {
    for (const buffer of this.#live) this.#device.destroyBuffer(buffer);
    this.#calls = [];
  }
}
