// Before each test of the GPU projects: there is an adapter, and the report will name it.
import { beforeEach } from 'vitest';
import { adapterSource } from './adapter.js';

declare module 'vitest' {
  interface TaskMeta {
    adapter?: string;
  }
}

beforeEach(async ({ task }) => {
  task.file.meta.adapter ??= await adapterSource();
});
