import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { data, NablaError } from '../../src/index.node.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-mnist-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('data.mnist', () => {
  it("reads the npm package's 70,000 digits", async () => {
    const { train, test } = await data.mnist();
    expect([train.length, test.length]).toEqual([60000, 10000]);
    const { inputs, labels } = [...test.batches(3)][0]!;
    expect(inputs.shape).toEqual([3, 784]);
    expect(Array.from(labels.data)).toEqual([7, 2, 1]);
    expect(Math.max(...inputs.data)).toBeLessThanOrEqual(1);
  });

  it('reads a folder of its user, gzip or not, and names a missing file', async () => {
    const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255);
    const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 5);
    await writeFile(join(folder, 'train-images-idx3-ubyte.gz'), gzipSync(images));
    await writeFile(join(folder, 'train-labels-idx1-ubyte'), labels);
    await writeFile(join(folder, 't10k-images-idx3-ubyte'), images);
    await expect(data.mnist(folder)).rejects.toThrow(NablaError);
    await expect(data.mnist(folder)).rejects.toThrow(/no t10k-labels-idx1-ubyte/);
    await writeFile(join(folder, 't10k-labels-idx1-ubyte.gz'), gzipSync(labels));
    const { test } = await data.mnist(folder);
    expect([...test.batches(1)][0]!.inputs.data).toEqual(Float32Array.of(0, 1));
  });
});
