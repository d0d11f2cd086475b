// What computes: opened in the worker, told on the page.
import { type Engine, open } from '../src/index.browser.js';
import type { Machine, Missing } from './protocol.js';

/** Opens the best engine there is, and says what it is. */
export async function openEngine(): Promise<{ engine: Engine; machine: Machine }> {
  const missing = await whatIsMissing();
  const engine = await open({ backend: missing ? 'cpu' : 'gpu', powerPreference: 'high-performance' });
  const { backend, limits, features } = engine.info;
  const { vendor, architecture, description, software } = engine.info.adapter;
  const adapter = description || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter';
  return { engine, machine: { backend, adapter, software, missing, limits, features } };
}

async function whatIsMissing(): Promise<Missing | undefined> {
  if (!globalThis.isSecureContext) return 'insecure';
  if (!navigator.gpu) return 'unsupported';
  return (await navigator.gpu.requestAdapter()) ? undefined : 'no adapter';
}
