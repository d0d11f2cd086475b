// What computes: opened in the worker, told on the page.
import { type Engine, type OnCheck, open } from '../src/index.browser.js';
import type { Machine, Missing } from './protocol.js';

/** Opens the best engine there is, and says what it is. */
export async function openEngine(onCheck: OnCheck): Promise<{ engine: Engine; machine: Machine }> {
  const missing = await whatIsMissing();
  const engine = await open({
    backend: missing ? 'cpu' : 'gpu',
    powerPreference: 'high-performance',
    onCheck,
  });
  const { backend, limits, features } = engine.info;
  const { description, software } = engine.info.adapter;
  return {
    engine,
    machine: {
      backend,
      adapter: description || 'an unnamed adapter',
      software,
      missing,
      limits,
      features,
    },
  };
}

async function whatIsMissing(): Promise<Missing | undefined> {
  if (!globalThis.isSecureContext) return 'insecure';
  if (!navigator.gpu) return 'unsupported';
  return (await navigator.gpu.requestAdapter()) ? undefined : 'no adapter';
}
