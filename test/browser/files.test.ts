import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadFile, NablaError, saveFile } from '../../src/index.browser.js';

// A page's private storage: what a writable wrote becomes the file when it closes.
const files = new Map<string, Uint8Array>();
let full = false;
const handle = (name: string) => ({
  getFile: async () => new Blob([files.get(name)!.slice()]),
  createWritable: async () => {
    let content = new Uint8Array();
    return {
      write: async (bytes: Uint8Array) => {
        if (full) throw new DOMException('no room', 'QuotaExceededError');
        content = bytes.slice();
      },
      close: async () => {
        // the larger a file, the longer it takes
        await new Promise((resolve) => setTimeout(resolve, content.length));
        files.set(name, content);
      },
    };
  },
});
const getFileHandle = async (name: string, { create = false } = {}) => {
  if (!create && !files.has(name)) throw new DOMException('absent', 'NotFoundError');
  return handle(name);
};
beforeEach(() => {
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => ({ getFileHandle }) } });
});
afterEach(() => vi.unstubAllGlobals());

describe("files in a page's private storage", () => {
  it('come back as they were saved', async () => {
    await saveFile('model', Uint8Array.of(1, 2));
    await saveFile('model', Uint8Array.of(3));
    expect(await loadFile('model')).toEqual(Uint8Array.of(3));
    await expect(loadFile('absent')).rejects.toThrow(NablaError);
    await expect(loadFile('absent')).rejects.toThrow(
      /^absent: there is no such file in the page's storage; save one/,
    );
  });

  it('are saved in the order of the calls, as they were at the call', async () => {
    const bytes = new Uint8Array(50).fill(1);
    const saves = [
      saveFile('model', bytes),
      saveFile('model', Uint8Array.of(2)),
      saveFile('other', Uint8Array.of(4)),
    ];
    bytes.fill(9);
    await saves[0];
    expect(await loadFile('model')).toEqual(new Uint8Array(50).fill(1));
    await Promise.all(saves);
    expect([await loadFile('model'), await loadFile('other')]).toEqual([
      Uint8Array.of(2),
      Uint8Array.of(4),
    ]);
  });

  it('are saved after one that fails', async () => {
    full = true;
    const failed = saveFile('model', Uint8Array.of(1));
    await expect(failed).rejects.toThrow(NablaError);
    await expect(failed).rejects.toThrow('model: no room');
    full = false;
    await saveFile('model', Uint8Array.of(2).buffer);
    expect(await loadFile('model')).toEqual(Uint8Array.of(2));
  });

  it('keep their content when there is no room for the new', async () => {
    await saveFile('model', Uint8Array.of(1, 2));
    full = true;
    await expect(saveFile('model', Uint8Array.of(9))).rejects.toThrow('no room');
    full = false;
    expect(await loadFile('model')).toEqual(Uint8Array.of(1, 2));
  });
});
