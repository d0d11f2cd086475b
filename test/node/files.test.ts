// Saving: whole or not at all, through links, with the mode of before, in the order of the calls, and only to files.
import { execFileSync } from 'node:child_process';
import { existsSync, type Stats } from 'node:fs';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadFile, NablaError, saveFile } from '../../src/index.node.js';
import { checkFile, checkWritable } from '../../src/node/targets.js';
import { forAllAsync } from '../support/property.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-files-'));
  path = join(folder, 'model.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

const of = (value: number, size = 4): Uint8Array => new Uint8Array(size).fill(value);
/** To write, and to ask before whether that can be done. */
const ways = [(at: string) => saveFile(at, of(1)), checkWritable];
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

describe('a save through symbolic links', () => {
  it('writes their target and leaves them', async () => {
    await mkdir(join(folder, 'store'));
    const target = join(folder, 'store', 'real');
    await writeFile(target, 'old');
    await symlink('store/real', join(folder, 'second'));
    await symlink('second', path);
    await saveFile(path, of(7));
    expect([await readlink(path), await readlink(join(folder, 'second'))]).toEqual([
      'second',
      'store/real',
    ]);
    expect(await loadFile(target)).toEqual(of(7));
    expect((await readdir(join(folder, 'store'))).sort()).toEqual(['real', 'real.previous']);
  });

  it('makes a target that is not there, from the folder that the link is in', async () => {
    await mkdir(join(folder, 'a', 'b'), { recursive: true });
    await symlink('a/b', join(folder, 'short'));
    await symlink('../new', join(folder, 'a', 'b', 'model'));
    await saveFile(join(folder, 'short', 'model'), of(1));
    expect(await loadFile(join(folder, 'a', 'new'))).toEqual(of(1));
    expect((await lstat(join(folder, 'a', 'b', 'model'))).isSymbolicLink()).toBe(true);
  });

  it('refuses circles, and targets in no folder', async () => {
    await symlink('other', path);
    await symlink('model.safetensors', join(folder, 'other'));
    await symlink('itself', join(folder, 'itself'));
    await symlink('absent/x', join(folder, 'dangling'));
    for (const name of ['model.safetensors', 'itself']) {
      await expect(saveFile(join(folder, name), of(1))).rejects.toThrow(NablaError);
      await expect(saveFile(join(folder, name), of(1))).rejects.toThrow(
        /symbolic links form a loop; remove it/,
      );
    }
    await expect(saveFile(join(folder, 'dangling'), of(1))).rejects.toThrow(
      /dangling: .*make the folder/,
    );
    expect(await listing()).toEqual(['dangling', 'itself', 'model.safetensors', 'other']);
  });
});

describe('what is no file', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** Makes one at a path; devices are made here, in the test's own folder, where the machine lets us. */
  const makers: Readonly<Record<string, (at: string) => unknown>> = {
    'a folder': (at) => mkdir(at),
    'a pipe': (at) => execFileSync('mkfifo', [at]),
    'a socket': (at) =>
      new Promise<void>((resolve) => {
        server = createServer().listen(at, resolve);
      }),
    ...(process.getuid?.() === 0 && {
      'a device': (at: string) => execFileSync('mknod', [at, 'c', '1', '3']),
    }),
  };

  it.each(Object.keys(makers))('is refused and left: %s', async (kind) => {
    const at = join(folder, 'it');
    await makers[kind]!(at);
    await symlink('it', join(folder, 'link'));
    const { ino, mode } = await stat(at);
    for (const name of ['it', 'link'])
      for (const attempt of ways) {
        await expect(attempt(join(folder, name))).rejects.toThrow(NablaError);
        await expect(attempt(join(folder, name))).rejects.toThrow(
          `${name}: it is ${kind}; name a file`,
        );
      }
    expect(await lstat(at)).toMatchObject({ ino, mode });
    expect(await listing()).toEqual(['it', 'link']);
    // nor is it replaced by what is kept of a file
    await saveFile(path, of(1));
    await rm(join(folder, 'link'));
    await symlink('model.safetensors', join(folder, 'link'));
    await makers[kind]!(`${path}.previous`);
    await expect(saveFile(join(folder, 'link'), of(2))).rejects.toThrow(`.previous: it is ${kind}`);
    expect(await loadFile(path)).toEqual(of(1));
  });

  it('is known by its kind, devices too', () => {
    const no = () => false;
    const none = {
      isDirectory: no,
      isFIFO: no,
      isSocket: no,
      isBlockDevice: no,
      isCharacterDevice: no,
    };
    const refused = (yes: keyof typeof none) => () =>
      checkFile('x', { ...none, [yes]: () => true } as Partial<Stats> as Stats);
    expect(refused('isCharacterDevice')).toThrow('x: it is a device; name a file');
    expect(refused('isBlockDevice')).toThrow('x: it is a device; name a file');
    expect(() => checkFile('x', none as Partial<Stats> as Stats)).not.toThrow();
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

describe('a check ahead of time', () => {
  it('passes where a save would, and leaves nothing', async () => {
    await checkWritable(path);
    expect(await listing()).toEqual([]);
    await saveFile(path, of(1));
    await checkWritable(path);
    expect(await listing()).toEqual(['model.safetensors']);
  });

  it('fails where the folder cannot be written to', async () => {
    // nobody, not even an administrator, makes files there
    const closed = existsSync('/proc/self') ? '/proc/self/model' : join(folder, 'absent', 'model');
    await expect(checkWritable(closed)).rejects.toThrow(NablaError);
    await expect(checkWritable(closed)).rejects.toThrow(/model: its folder cannot be written to; /);
    await expect(saveFile(closed, of(1))).rejects.toThrow(
      /model: its folder cannot be written to; /,
    );
  });

  it('says of a folder without permission that it has none', async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed);
    await chmod(closed, 0o555);
    await chmod(folder, 0o755);
    const isRoot = process.getuid?.() === 0;
    const attempts = async (): Promise<void> => {
      const message =
        'x: its folder cannot be written to; change its permissions, or name another (EACCES)';
      for (const attempt of ways) await expect(attempt(join(closed, 'x'))).rejects.toThrow(message);
    };
    if (isRoot) process.seteuid!(65534); // an administrator may write anywhere
    await attempts().finally(() => isRoot && process.seteuid!(0));
    expect(await readdir(closed)).toEqual([]);
  });
});
