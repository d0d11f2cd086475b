// The kernels for matrix units as Dawn's own compiler reads them: its null backend offers the feature and runs nothing.
import { expect, it } from 'vitest';
import { create } from 'webgpu';
import { makePlan } from '../../src/compiler/plan.js';
import { MATRICES } from '../../src/gpu/backend.js';
import { open } from '../../src/index.node.js';
import { makeMatrices } from '../../src/kernels/matmul/matrices.js';
import { cast } from '../../src/ops/cast.js';
import { input } from '../../src/ops/leaf.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';

const instance = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']); // Dawn needs it kept

it.each([
  ['f16', [16, 16, 16]],
  ['f32', [8, 8, 8]],
  ['f16', [8, 8, 16]],
] as const)('products of %s by units of %s compile', async (componentType, [M, N, K]) => {
  const adapter = (await instance.requestAdapter())!;
  const device = await adapter.requestDevice({
    requiredFeatures: [MATRICES, 'subgroups', 'shader-f16'],
  });
  const unit = { componentType, resultComponentType: 'f32', M, N, K };
  const context = {
    ...({
      shared: new WeakMap(),
      limits: { storageBuffers: 8, bindingBytes: 2 ** 30 },
      adapter: 'gpu',
      lanes: 1,
      f16: true,
    } as const),
    matrices: makeMatrices([unit], adapter.info.subgroupMaxSize!),
  };
  const operand = (...shape: number[]) => cast(input(shape, { dtype: componentType }), 'f32');
  const products = [
    matmul(operand(256, 512), operand(128, 512), { transposeB: true }),
    matmul(operand(256, 512), operand(512, 128)),
    matmul(operand(512, 256), operand(512, 128), { transposeA: true }),
  ];
  for (const outputs of products) {
    const { dispatches } = makePlan({ outputs: [outputs], updates: [] }, context);
    const [{ wgsl } = { wgsl: '' }] = dispatches;
    expect(wgsl).toContain(`subgroup_matrix_left<${componentType}, ${K}, ${M}>`);
    const module = device.createShaderModule({ code: wgsl });
    const { messages } = await module.getCompilationInfo();
    expect(messages.map(({ message, lineNum }) => `${lineNum}: ${message}`)).toEqual([]);
    // of the device's limits too: subgroups that compute matrices lie along x
    device.pushErrorScope('validation');
    device.createComputePipeline({ layout: 'auto', compute: { module } });
    expect((await device.popErrorScope())?.message).toBeUndefined();
  }
  device.destroy();
});

it('is an option that changes nothing where the adapter has no matrix units', async () => {
  const product = matmul(
    random.normal([256, 256], { seed: 1 }),
    random.normal([256, 256], { seed: 2 }),
  );
  const [plain, asked] = await Promise.all(
    [{}, { subgroupMatrix: true }].map(async (options) => {
      await using engine = await open({ backend: 'gpu', ...options });
      return await engine.run(product);
    }),
  );
  expect(asked).toEqual(plain);
});
