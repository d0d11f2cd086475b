// `open({ f16: true })`: half precision that is there and right, or a reason why it is not to be had.
import { expect, it } from 'vitest';
import { DeviceError } from '../../src/core/errors.js';
import { openWith } from '../../src/engine/open.js';
import { GpuBackend } from '../../src/gpu/backend.js';
import type { GpuOptions } from '../../src/gpu/device.js';
import { openAdapter } from '../support/adapter.js';

/** Opens an engine that must have f16, with faults in its kernels; the reason why there is none, and its backend. */
async function openHalves(options: GpuOptions = {}) {
  const backend = await GpuBackend.open(await openAdapter(), options);
  const hasHalves = backend.info.features.includes('shader-f16');
  const opening = openWith(async () => backend)({ f16: true });
  const refusal = await opening.then(
    (engine) => engine.dispose(),
    (error: unknown) => error,
  );
  expect(backend.stats.liveBuffers).toBe(0);
  return { hasHalves, refusal };
}

it('is there, or not', async () => {
  const { hasHalves, refusal } = await openHalves();
  if (hasHalves) return expect(refusal).toBeUndefined();
  const message = 'open: this adapter has no shader-f16; leave f16 out and use f32';
  expect(refusal).toEqual(new DeviceError(message));
});

it.each<[fault: string, rewrite: (wgsl: string) => string]>([
  ['a cast that rounds wrongly', (wgsl) => wgsl.replaceAll('= f16(', '= f16(1.001 * ')],
  ['numbers that are read wrongly', (wgsl) => wgsl.replaceAll('f32(', '1.001 * f32(')],
])('is refused where it is wrong: %s', async (_, rewrite) => {
  const { hasHalves, refusal } = await openHalves({ rewrite });
  expect(refusal).toBeInstanceOf(DeviceError);
  if (!hasHalves) return;
  expect(String(refusal)).toMatch(
    /open: half precision is wrong on .*: element \d+ of \w+ is .*, in float64 .* ± .*; leave f16 out and use f32/,
  );
});

it('is what the CPU has anyway', async () => {
  const engine = await openWith(async () => ({ missing: 'none' }))({ backend: 'cpu', f16: true });
  expect(engine.info.backend).toBe('cpu');
  engine.dispose();
});
