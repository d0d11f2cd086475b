// The same WebGPU in every GPU test: Dawn in Node, navigator.gpu in Chromium. No adapter is a failure, never a skip.
import { watch } from './watch.js';

const inNode = typeof location === 'undefined';

async function find(): Promise<{ adapter: GPUAdapter; source: string }> {
  if (inNode) {
    const { findAdapter } = await import('../../src/node/dawn.js');
    const found = await findAdapter();
    if ('missing' in found) throw new Error(found.missing);
    return found;
  }
  if (!navigator.gpu)
    throw new Error('this browser has no navigator.gpu; start it with --enable-unsafe-webgpu');
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter)
    throw new Error('navigator.gpu gives no adapter; the browser has no driver for WebGPU');
  const version =
    /(?:Headless)?Chrome\/[\d.]+/.exec(navigator.userAgent)?.[0] ?? navigator.userAgent;
  const { vendor, architecture, description } = adapter.info;
  return {
    adapter,
    source: `${version}, ${[vendor, architecture, description].filter(Boolean).join(' ')}`,
  };
}

/** A fresh adapter; each gives one device, which is watched. */
export const openAdapter = async (): Promise<GPUAdapter> => watch((await find()).adapter);

/** One line that says which adapter runs. */
export const adapterSource = async (): Promise<string> => (await find()).source;
