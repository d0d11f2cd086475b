import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPeer } from '../../src/node/peers.js';
import { unpackInto } from '../../src/node/unpack.js';

describe('unpacking SwiftShader', () => {
  const bin = join(findPeer('@sparticuz/chromium'), '../../../bin');
  let cache: string;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'nabla-unpack-'));
  });
  afterEach(() => rm(cache, { recursive: true }));

  it('gives a whole folder, also to who comes second', async () => {
    const folder = join(cache, 'cache', 'swiftshader');
    for (let i = 0; i < 2; i++) unpackInto(folder, bin, ['swiftshader.tar']);
    expect(await readdir(folder)).toEqual(
      expect.arrayContaining(['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json']),
    );
    expect(await readdir(dirname(folder))).toEqual(['swiftshader']);
  });

  it('leaves nothing behind when an archive is missing', async () => {
    const folder = join(cache, 'swiftshader');
    expect(() => unpackInto(folder, bin, ['swiftshader.tar', 'absent.tar'])).toThrow('absent.tar');
    expect(await readdir(cache)).toEqual([]);
  });
});
