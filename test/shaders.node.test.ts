// Each file in shaders/ compiles on its own. Dawn's null backend offers every feature and runs nothing, so that its compiler
// reads also what no adapter at hand has.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { MATRICES } from '../src/gpu/backend.js';
import { complaintsOf, isSkeleton, programOf, shaders } from './support/skeletons.js';

const instance = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']); // Dawn needs it kept
let device: GPUDevice;
beforeAll(async () => {
  const adapter = await instance.requestAdapter();
  device = await adapter!.requestDevice({
    requiredFeatures: [MATRICES, 'subgroups', 'shader-f16'],
  });
});
afterAll(() => device.destroy());

describe('on its own', () => {
  it.each([...shaders])('%s compiles', async (_, text) => {
    const { wgsl } = programOf(text);
    expect(await complaintsOf(device, wgsl)).toEqual([]);
  });

  it.each([...shaders].filter(([, text]) => isSkeleton(text)))(
    '%s no longer compiles with a mistake in it',
    async (_, text) => {
      const last = text.lastIndexOf(';');
      const { wgsl } = programOf(`${text.slice(0, last)}; mistake();${text.slice(last + 1)}`);
      expect((await complaintsOf(device, wgsl)).join()).toContain('mistake');
    },
  );
});
