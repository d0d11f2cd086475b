import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceError, NablaError } from '../src/core/errors.js';
import { CpuBackend } from '../src/cpu/backend.js';
import { openWith } from '../src/engine/open.js';
import * as browser from '../src/index.browser.js';
import * as node from '../src/index.node.js';

afterEach(() => vi.restoreAllMocks());

describe('open', () => {
  const without = openWith(async () => ({ missing: 'no adapter; install a driver' }));

  it("takes the platform's backend where there is one", async () => {
    const backend = new CpuBackend();
    const engine = await openWith(async () => backend)();
    expect(engine.info).toBe(backend.info);
  });

  it('warns and takes the CPU where there is no adapter', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const engine = await without();
    expect(engine.info.backend).toBe('cpu');
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/no adapter; install a driver.*CPU/),
    );
  });

  it("insists with backend: 'gpu', and does not look with backend: 'cpu'", async () => {
    await expect(without({ backend: 'gpu' })).rejects.toThrow(DeviceError);
    const find = vi.fn();
    expect((await openWith(find)({ backend: 'cpu' })).info.backend).toBe('cpu');
    expect(find).not.toHaveBeenCalled();
  });

  it('refuses settings that do not exist', async () => {
    await expect(without({ backend: 'tpu' as never })).rejects.toThrow(NablaError);
    await expect(without({ crossCheck: 'always' as never })).rejects.toThrow(
      /use 'off', 'sampled' or 'every'/,
    );
  });
});

it('exports the same names in Node and in browsers', () => {
  expect(Object.keys(node).sort()).toEqual(Object.keys(browser).sort());
  expect(Object.keys(node.data).sort()).toEqual(Object.keys(browser.data).sort());
});
