// Where files may be saved: through links, to files alone, and a check of that ahead of time.
import { execFileSync } from 'node:child_process';
import { existsSync, type Stats } from 'node:fs';
import {
  chmod,
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
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadFile, NablaError, saveFile } from '../../src/index.node.js';
import { checkFile, checkWritable } from '../../src/node/targets.js';

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
