import { afterEach, expect, it, vi } from 'vitest';
import { DeviceError, input, matmul, open } from '../../src/index.node.js';
import { findAdapter } from '../../src/node/dawn.js';

afterEach(() => vi.unstubAllEnvs());

async function find(...options: Parameters<typeof findAdapter>) {
  const found = await findAdapter(...options);
  if ('missing' in found) throw new Error(found.missing);
  return found;
}

it('gives a fresh adapter on every call, all from one instance', async () => {
  const [first, second] = [await find(), await find()];
  expect(second.gpu).toBe(first.gpu);
  (await first.adapter.requestDevice()).destroy();
  (await second.adapter.requestDevice()).destroy();
});

it('asks Dawn for what it withholds where that is wanted alone, on adapters that have none of it too', async () => {
  const usual = await find();
  const halves = await find(undefined, { f16: true });
  const both = await find(undefined, { f16: true, subgroupMatrix: true });
  expect(new Set([usual.gpu, halves.gpu, both.gpu]).size).toBe(3);
  expect((await find(undefined, { f16: false })).gpu).toBe(usual.gpu);
  for (const { adapter } of [usual, halves, both]) {
    expect(adapter.info.device).toBe(usual.adapter.info.device);
    (await adapter.requestDevice()).destroy();
  }
});

it('gives no software adapter where a real GPU is asked for', async () => {
  vi.stubEnv('NABLA_ADAPTER', 'gpu');
  const found = await findAdapter();
  if ('missing' in found)
    expect(found.missing).toMatch(/^no WebGPU adapter for NABLA_ADAPTER=gpu: no .*driver/);
  else expect(found.adapter.info.isFallbackAdapter).toBe(false);
});

it('takes SwiftShader from the package when NABLA_ADAPTER says so', async () => {
  vi.stubEnv('NABLA_ADAPTER', 'swiftshader');
  const { adapter, source } = await find();
  expect(source).toBe('SwiftShader from @sparticuz/chromium');
  expect(adapter.info).toMatchObject({ architecture: 'swiftshader', isFallbackAdapter: true });
});

it('names the choices when NABLA_ADAPTER is none of them', async () => {
  vi.stubEnv('NABLA_ADAPTER', 'cuda');
  const missing = 'NABLA_ADAPTER=cuda is none of gpu, lavapipe, swiftshader';
  expect(await findAdapter()).toEqual({ missing, forced: true });
  await expect(open()).rejects.toThrow(new DeviceError(`open: ${missing}`));
});

it('makes kernels for the class of adapters that NABLA_ADAPTER_CLASS names', async () => {
  const x = input([256, 256]);
  const kernelOf = async (name: string): Promise<string | undefined> => {
    vi.stubEnv('NABLA_ADAPTER_CLASS', name);
    await using engine = await open({ backend: 'gpu' });
    return engine.compile({ inputs: { x }, outputs: matmul(x, x) }).plan.dispatches[0]?.wgsl;
  };
  expect(await kernelOf('gpu')).toContain('var<workgroup>');
  expect(await kernelOf('lavapipe')).not.toBe(await kernelOf('swiftshader'));
  await expect(kernelOf('cuda')).rejects.toThrow(
    new DeviceError('open: NABLA_ADAPTER_CLASS=cuda is none of gpu, lavapipe, swiftshader'),
  );
});

it('puts the constants of WebGPU where a browser has them', async () => {
  await find();
  expect([GPUBufferUsage.STORAGE, GPUMapMode.READ, GPUShaderStage.COMPUTE]).toEqual([0x80, 1, 4]);
});
