// Entry of the package in browsers: everything of all platforms, with WebGPU from navigator.gpu and files in OPFS.
import { openWith } from './engine/open.js';
import { GpuBackend } from './gpu/backend.js';

export * as data from './browser/data.js';
export * from './index.common.js';

const tiles = async () => (await import('./browser/tiles.js')).tileStore;

/**
 * Opens an engine on WebGPU; without an adapter it warns and uses the CPU in float64. Throws DeviceError if
 * `backend: 'gpu'` is given and there is no adapter.
 */
export const open = openWith(
  async (options) => {
    const { powerPreference } = options;
    const adapter =
      options.adapter ??
      (await navigator.gpu?.requestAdapter(powerPreference ? { powerPreference } : {}));
    if (adapter) return GpuBackend.open(adapter as GPUAdapter, { ...options, tiles });
    const noAdapter =
      'WebGPU finds no adapter; switch hardware acceleration on, or update the graphics driver';
    const noGpu =
      'this browser has no WebGPU here; use a recent Chrome, Edge, Safari or Firefox, over https or localhost';
    return { missing: navigator.gpu ? noAdapter : noGpu };
  },
  async (path) => (await import('./browser/folder.js')).openFolder(path),
);

export { loadFile, saveFile } from './browser/files.js';
