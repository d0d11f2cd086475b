import { GpuBackend } from './gpu/backend.js';
import { openWith } from './index.open.js';
import { ask, findAdapter } from './node/dawn.js';

export * from './index.common.js';
export * as data from './node/data.js';

/**
 * Opens an engine: WebGPU through Dawn, or without an adapter, after a warning, the CPU in float64. Throws DeviceError
 * where `backend: 'gpu'` or the variable NABLA_ADAPTER finds no adapter.
 */
export const open = openWith(async (options) => {
  if (options.adapter) return GpuBackend.open(options.adapter as GPUAdapter, { ...options, ask });
  const found = await findAdapter(options.powerPreference);
  return 'missing' in found ? found : GpuBackend.open(found.adapter, { ...options, ask });
});

export { loadFile, saveFile } from './node/files.js';
