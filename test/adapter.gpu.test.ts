import { expect, it } from 'vitest';
import { openAdapter } from './support/adapter.js';
import { endWatch } from './support/watch.js';

const source = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&x)) { y[id.x] = x[id.x] * x[id.x] + 1.0; }
}`;

it('gives a device with the default limits', async () => {
  const adapter = await openAdapter();
  expect(adapter.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
  const device = await adapter.requestDevice();
  expect(device.limits.maxComputeInvocationsPerWorkgroup).toBe(256);
  device.destroy();
});

it('squares a vector exactly as float32 arithmetic does', async () => {
  const x = Float32Array.from({ length: 1000 }, (_, i) => i / 7 - 50);
  const device = await (await openAdapter()).requestDevice();
  const y = await compute(device, x);
  device.destroy();
  expect(y).toHaveLength(x.length);
  for (let i = 0; i < x.length; i++) {
    const square = Math.fround(x[i]! * x[i]!);
    // A fused multiply-add rounds once, two operations twice; WGSL allows both.
    expect([Math.fround(x[i]! * x[i]! + 1), Math.fround(square + 1)]).toContain(y[i]);
  }
});

it('has its complaints and its buffers watched', async () => {
  const device = await (await openAdapter()).requestDevice();
  const buffer = device.createBuffer({
    size: 4,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE,
  });
  device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE });
  buffer.destroy();
  device.destroy();
  expect(await endWatch()).toEqual([
    expect.stringMatching(/^GPUValidationError: /),
    '1 buffers were alive when their device was destroyed',
  ]);
});

async function compute(device: GPUDevice, x: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const input = device.createBuffer({ size: x.byteLength, usage: STORAGE | COPY_DST });
  const output = device.createBuffer({ size: x.byteLength, usage: STORAGE | COPY_SRC });
  const staging = device.createBuffer({ size: x.byteLength, usage: MAP_READ | COPY_DST });
  device.queue.writeBuffer(input, 0, x);
  const module = device.createShaderModule({ code: source });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [input, output].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(Math.ceil(x.length / 64));
  pass.end();
  encoder.copyBufferToBuffer(output, 0, staging, 0, x.byteLength);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const result = new Float32Array(staging.getMappedRange().slice(0));
  for (const buffer of [input, output, staging]) buffer.destroy();
  return result;
}
