// Entry of the package in Node: everything of all platforms, with WebGPU from Dawn and files on disk.
import { openWith } from './engine/open.js';
import { GpuBackend } from './gpu/backend.js';
import { ask, findAdapter, forcedClass } from './node/dawn.js';
import { openFolder } from './node/folder.js';

export * from './index.common.js';
export * as data from './node/data.js';

const tiles = async () => (await import('./node/tiles.js')).tileStore;

/**
 * Opens an engine on WebGPU through Dawn; without an adapter it warns and uses the CPU in float64. Throws DeviceError
 * if `backend: 'gpu'` or the variable NABLA_ADAPTER is given and there is no such adapter. The variable
 * NABLA_ADAPTER_CLASS=gpu, lavapipe or swiftshader has kernels made as for such adapters, on whichever there is.
 */
export const open = openWith(async (options) => {
  const { adapter, powerPreference } = options;
  const found = adapter
    ? { adapter: adapter as GPUAdapter }
    : await findAdapter(powerPreference, options);
  if ('missing' in found) return found;
  const adapterClass = forcedClass();
  return GpuBackend.open(found.adapter, { ...options, ask, tiles, adapterClass });
}, openFolder);

export { loadFile, saveFile } from './node/files.js';
