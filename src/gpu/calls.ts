// The kernel calls of a plan on a device: encoding them, and copying aside what some of them read and store.
import type { Dispatch } from '../compiler/describe.js';
import type { TensorData } from '../core/dtype.js';
import { ownValue } from '../cpu/evaluate.js';
import type { Capture, Inspection } from '../graph/backend.js';
import type { Tensor } from '../graph/tensor.js';
import type { Device, Location } from './device.js';

/** A dispatch with the objects that run it. */
export interface Call extends Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** Where a node lies; undefined for constants, which are what the host gave. */
export type LocationOf = (node: Tensor) => Location | undefined;

/** Copies the present values of nodes aside, through a buffer for each of these lists; the function returned reads them back. */
function copyNodes(
  device: Device,
  lists: readonly (readonly Tensor[])[],
  locationOf: LocationOf,
): () => Promise<Map<Tensor, TensorData>> {
  const copied = lists.map((nodes) => nodes.flatMap((node) => locationOf(node) ?? []));
  const readBacks = copied.map((locations) => device.copyAside(locations));
  return async () => {
    const values = (await Promise.all(readBacks.map((readBack) => readBack()))).flat();
    const order = copied.flat().map(({ node }) => node);
    // a data set is not copied for every look
    const read = (node: Tensor): TensorData => values[order.indexOf(node)] ?? ownValue(node);
    return new Map(lists.flat().map((node) => [node, read(node)]));
  };
}

/** How calls are encoded. */
interface Encoding {
  readonly locationOf: LocationOf;
  readonly inspection?: Inspection | undefined;
  /** Gives each call a pass of its own, as described. */
  readonly stamped?: ((call: number) => GPUComputePassDescriptor) | undefined;
}

/**
 * Encodes calls into one compute pass, interrupted around those that are inspected: what they read is copied before, what they
 * store after. Returns how to read these captures back once that has run.
 */
export function encodeCalls(
  device: Device,
  calls: readonly Call[],
  { locationOf, inspection, stamped }: Encoding,
): (() => Promise<Capture>)[] {
  const { encoder } = device.queue;
  const captures: (() => Promise<Capture>)[] = [];
  let pass: GPUComputePassEncoder | undefined;
  let current: GPUComputePipeline | undefined;
  const interrupt = (): void => {
    pass?.end();
    pass = undefined;
    current = undefined;
  };
  for (const [at, call] of calls.entries()) {
    const { pipeline, bindGroup, kernel, wgsl, workgroups, groups } = call;
    const isPicked = inspection?.select(at, calls.length) === true;
    if (stamped || isPicked) interrupt();
    const read = groups.map(({ reads }) => [...reads.keys()]);
    const before = isPicked ? copyNodes(device, read, locationOf) : undefined;
    pass ??= encoder.beginComputePass(stamped?.(at));
    if (pipeline !== current) pass.setPipeline(pipeline);
    current = pipeline;
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
    if (!before) continue;
    interrupt();
    const stored = groups.map(({ stores }) => stores);
    const after = copyNodes(device, stored, locationOf);
    captures.push(async () => ({ kernel, wgsl, reads: await before(), results: await after() }));
  }
  pass?.end();
  return captures;
}
