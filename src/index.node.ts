import { GpuBackend } from './gpu/backend.js';
import { openWith } from './index.open.js';
import { ask, findAdapter } from './node/dawn.js';
import { tileStore } from './node/tiles.js';

export * from './index.common.js';
export * as data from './node/data.js';

/**
 * Opens an engine: WebGPU through Dawn, or without an adapter, after a warning, the CPU in float64. Throws DeviceError
 * where `backend: 'gpu'` or the variable NABLA_ADAPTER finds no adapter.
 */
export const open = openWith(async (options) => {
  const gpu = { ...options, ask, tune: options.tune ? tileStore : undefined };
  if (options.adapter) return GpuBackend.open(options.adapter as GPUAdapter, gpu);
  const found = await findAdapter(options.powerPreference);
  return 'missing' in found ? found : GpuBackend.open(found.adapter, gpu);
});

export { loadFile, saveFile } from './node/files.js';
