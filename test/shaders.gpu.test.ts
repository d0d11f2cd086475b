// Each file in shaders/ compiles on its own on the adapter at hand, its driver included. What needs an experimental feature
// is compiled in test/shaders.node.test.ts.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAdapter } from './support/adapter.js';
import { complaintsOf, programOf, shaders } from './support/skeletons.js';

let device: GPUDevice;
beforeAll(async () => {
  device = await (await openAdapter()).requestDevice();
});
afterAll(() => device.destroy());

const programs = Array.from(shaders, ([file, text]) => ({ file, ...programOf(text) }));

it.each(programs.filter(({ extensions }) => extensions.length === 0))(
  '$file compiles',
  async ({ wgsl }) => {
    expect(await complaintsOf(device, wgsl)).toEqual([]);
  },
);
