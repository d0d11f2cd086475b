// WebGPU for peers under Dawn: they look for it where a browser has it.
import { findAdapter } from '../../src/node/dawn.js';

/** Puts Dawn at `navigator.gpu`; returns which adapter it gives. */
export async function installNavigator(): Promise<string> {
  const found = await findAdapter();
  if ('missing' in found) throw new Error(found.missing);
  const value = {
    gpu: found.gpu,
    userAgent: `Node ${process.version}`,
    platform: process.platform,
  };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
  return found.source;
}
