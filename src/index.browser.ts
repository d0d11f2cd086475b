import { tileStore } from './browser/tiles.js';
import { GpuBackend } from './gpu/backend.js';
import { openWith } from './index.open.js';

export * as data from './browser/data.js';
export * from './index.common.js';

/**
 * Opens an engine: WebGPU, or without an adapter, after a warning, the CPU in float64. Throws DeviceError where
 * `backend: 'gpu'` finds no adapter.
 */
export const open = openWith(async (options) => {
  const gpu = { ...options, tune: options.tune ? tileStore : undefined };
  if (options.adapter) return GpuBackend.open(options.adapter as GPUAdapter, gpu);
  if (!navigator.gpu)
    return {
      missing: 'this browser has no WebGPU here; use a recent Chrome, Edge, Safari or Firefox, over https or localhost',
    };
  const { powerPreference } = options;
  const adapter = await navigator.gpu.requestAdapter(powerPreference ? { powerPreference } : {});
  return adapter
    ? GpuBackend.open(adapter, gpu)
    : { missing: 'WebGPU finds no adapter; switch hardware acceleration on, or update the graphics driver' };
});

export { loadFile, saveFile } from './browser/files.js';
