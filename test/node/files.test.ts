import {
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadFile, NablaError, saveFile } from '../../src/index.node.js';
import { checkWritable } from '../../src/node/targets.js';
import { forAllAsync } from '../support/property.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-files-'));
  path = join(folder, 'model.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

const of = (value: number, size = 4): Uint8Array => new Uint8Array(size).fill(value);

const listing = async (): Promise<string[]> => (await readdir(folder)).sort();

describe('a file that cannot be read', () => {
  const wrong: [string, () => unknown, RegExp][] = [
    ['none', () => path, /model.safetensors: there is no such file; name one that is there$/],
    ['a folder', () => folder, /nabla-files-.*: it is a folder; name a file in it$/],
    ['an empty path', () => '', /^'': there is no such file/],
    ['a path with a zero', () => 'a\0b', /^a\0b: /],
    ['undefined', () => undefined, /^undefined: .*path.* must be /],
    ['a BigInt', () => 1n, /^1: .*path.* must be /],
    ['a symbol', () => Symbol('s'), /^Symbol\(s\): .*path.* must be /],
  ];
  it.each(wrong)('is named: %s', async (_, at, message) => {
    await expect(loadFile(at() as string)).rejects.toThrow(NablaError);
    await expect(loadFile(at() as string)).rejects.toThrow(message);
  });
});

describe('a saved file', () => {
  it('replaces the old one and keeps it beside', async () => {
    for (const value of [1, 2, 3]) await saveFile(path, Uint8Array.of(value));
    expect(await loadFile(path)).toEqual(Uint8Array.of(3));
    expect(await loadFile(`${path}.previous`)).toEqual(Uint8Array.of(2));
    expect(await listing()).toEqual(['model.safetensors', 'model.safetensors.previous']);
  });

  it('needs its folder', async () => {
    await expect(saveFile(join(folder, 'absent', 'x'), of(1))).rejects.toThrow(NablaError);
    await expect(saveFile(join(folder, 'absent', 'x'), of(1))).rejects.toThrow(
      /make the folder, .* \(ENOENT\)/,
    );
    await writeFile(join(folder, 'file'), 'kept');
    await expect(saveFile(join(folder, 'file', 'x'), of(1))).rejects.toThrow(
      /make the folder, .* \(ENOTDIR\)/,
    );
  });

  it('holds the bytes of the call, whatever becomes of them', async () => {
    const bytes = of(1, 1e6);
    const saving = saveFile(path, bytes);
    bytes.fill(2);
    await saving;
    expect(await loadFile(path)).toEqual(of(1, 1e6));
  });

  it('may have a name as long as names can be', async () => {
    const long = join(folder, 'x'.repeat(255));
    for (const value of [1, 2]) await saveFile(long, of(value));
    expect(await loadFile(long)).toEqual(of(2));
    expect(await listing()).toEqual(['x'.repeat(255)]); // no name is left for the one before
    await expect(saveFile(`${long}x`, of(1))).rejects.toThrow(
      /its name is too long; name a shorter one/,
    );
    await expect(checkWritable(`${long}x`)).rejects.toThrow(/its name is too long/);
  });

  it.each(['', '.', '..', 'absent/', '\0'])('has a name, not %j', async (name) => {
    await expect(saveFile(name && `${folder}/${name}`, of(1))).rejects.toThrow(NablaError);
    await expect(saveFile(undefined as never, of(1))).rejects.toThrow(
      /path is undefined; give it as text/,
    );
    expect(await listing()).toEqual([]);
  });

  it('keeps the mode of the one before, and has that of new files else', async () => {
    const umask = process.umask();
    await saveFile(path, of(1));
    expect((await stat(path)).mode & 0o777).toBe(0o666 & ~umask);
    await forAllAsync(fc.integer({ min: 0, max: 0o777 }), 6, async (mode) => {
      await chmod(path, mode);
      await saveFile(path, of(2));
      expect((await stat(path)).mode & 0o7777).toBe(mode);
    });
  });

  it('keeps the owner of the one before where that may be', async () => {
    await saveFile(path, of(1));
    const { uid, gid } = await stat(path);
    const other = process.getuid?.() === 0 ? [uid + 1, gid + 1] : [uid, gid];
    await chown(path, other[0]!, other[1]!);
    await chmod(path, 0o640);
    await saveFile(path, of(2));
    const after = await stat(path);
    expect([after.uid, after.gid, after.mode & 0o777]).toEqual([...other, 0o640]);
  });

  it('leaves other names of the old one as they were', async () => {
    await saveFile(path, of(1));
    await link(path, join(folder, 'kept'));
    await saveFile(path, of(2));
    expect(await loadFile(join(folder, 'kept'))).toEqual(of(1));
  });

  it('is not made where its last step fails, and nothing is left of it', async () => {
    await mkdir(`${path}.previous`);
    await saveFile(path, of(1)); // there is none before to keep
    await expect(saveFile(path, of(2))).rejects.toThrow(/\.previous: it is a folder/);
    expect(await loadFile(path)).toEqual(of(1));
    expect(await listing()).toEqual(['model.safetensors', 'model.safetensors.previous']);
    await expect(checkWritable(path)).rejects.toThrow(/\.previous: it is a folder/);
  });
});

describe('saves at once', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 2, maxLength: 6 });

  it('to one path all complete, in the order of the calls, by whatever name', async () => {
    await symlink('model.safetensors', join(folder, 'link'));
    await forAllAsync(sizes, 6, async (list) => {
      const names = [path, join(folder, 'link'), `${folder}/./model.safetensors`];
      await Promise.all(list.map((size, i) => saveFile(names[i % 3]!, of(i + 1, size))));
      expect(await loadFile(path)).toEqual(of(list.length, list.at(-1)));
      expect(await loadFile(`${path}.previous`)).toEqual(of(list.length - 1, list.at(-2)));
      expect(await listing()).toEqual(['link', 'model.safetensors', 'model.safetensors.previous']);
    });
  });

  it('of two processes leave one of the two, whole, and nothing half', async () => {
    vi.resetModules();
    // as another process would: with no queue in common
    const other = await import('../../src/node/files.js');
    expect(other.saveFile).not.toBe(saveFile);
    await forAllAsync(fc.tuple(sizes, sizes), 6, async ([ours, theirs]) => {
      await Promise.all([
        ...ours.map((size) => saveFile(path, of(1, size))),
        ...theirs.map((size) => other.saveFile(path, of(2, size))),
      ]);
      const last = await loadFile(path);
      expect([of(1, ours.at(-1)), of(2, theirs.at(-1))]).toContainEqual(last);
      const before = await loadFile(`${path}.previous`);
      expect(new Set(before).size).toBeLessThan(2);
      expect(await listing()).toEqual(['model.safetensors', 'model.safetensors.previous']);
    });
  });

  it('go on after one that fails', async () => {
    await mkdir(path);
    const failed = saveFile(path, of(1));
    await expect(failed).rejects.toThrow(/it is a folder/);
    await rm(path, { recursive: true });
    const [first, second] = [saveFile(path, of(1)), saveFile(path, of(2))];
    await Promise.all([first, second]);
    expect(await loadFile(path)).toEqual(of(2));
  });
});
