// Around each test of the GPU projects: there is an adapter, which the report will name; WebGPU has nothing to complain
// of; and at the end no device and no buffer is left.
import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import { adapterSource } from './adapter.js';
import { beginWatch, endFile, endWatch } from './watch.js';

declare module 'vitest' {
  interface TaskMeta {
    adapter?: string;
  }
}

beforeEach(async ({ task }) => {
  task.file.meta.adapter ??= await adapterSource();
  beginWatch();
});
afterEach(async () => expect(await endWatch()).toEqual([]));
afterAll(async () => expect(await endFile()).toEqual([]));
