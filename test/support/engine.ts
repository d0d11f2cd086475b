// Engines of tests.
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { GpuBackend } from '../../src/gpu/backend.js';
import type { GpuOptions } from '../../src/gpu/device.js';
import { openAdapter } from './adapter.js';

const inNode = typeof location === 'undefined';

/** The class of adapters that NABLA_ADAPTER_CLASS names, in Node; else kernels are those of the adapter's own. */
export const forcedClass = async () =>
  inNode ? (await import('../../src/node/dawn.js')).forcedClass() : undefined;

/** The GPU backend of this environment: Dawn in Node, navigator.gpu in Chromium; in Node of NABLA_ADAPTER_CLASS. */
export async function openBackend(options: GpuOptions = {}): Promise<GpuBackend> {
  const adapterClass = await forcedClass();
  return GpuBackend.open(await openAdapter(), { adapterClass, ...options });
}

/** Its engine. */
export const openGpuEngine = async (): Promise<Engine> => new Engine(await openBackend());

/** The float64 reference. */
export const openCpuEngine = (): Engine => new Engine(new CpuBackend());
