// Whatever takes bytes takes them in any container, at any offset, and keeps none of the caller's memory.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '../src/core/bytes.js';
import {
  checkpoint,
  data,
  FormatError,
  nn,
  safetensors,
  saveFile,
  type TensorData,
} from '../src/index.node.js';
import { containers, type Held } from './support/containers.js';
import { openCpuEngine } from './support/engine.js';
import { forAllAsync } from './support/property.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-bytes-'));
});
afterAll(() => rm(folder, { recursive: true }));

const engine = openCpuEngine();
const model = nn.sequential([nn.dense(2, 3)], { seed: 1 });
const exact: TensorData = { shape: [3], dtype: 'f64', data: Float64Array.of(Math.PI, -0, 1e300) };
const file = safetensors.encode({
  exact,
  flags: { shape: [3], dtype: 'bool', data: Uint8Array.of(1, 0, 1) },
  half: { shape: [1], dtype: 'f16', data: Float32Array.of(0.5) },
  bytes: { shape: [2], dtype: 'u8', data: Uint8Array.of(3, 255) },
});
const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9);
const zipped = new Uint8Array(gzipSync(labels));

/** Everything that takes bytes: what it is given, and what comes of it. */
const takers: Readonly<
  Record<string, readonly [content: () => Uint8Array, take: (bytes: Bytes) => unknown]>
> = {
  'safetensors.decode': [() => file, (bytes) => safetensors.decode(bytes)],
  'checkpoint.load': [
    () => saved,
    async (bytes) => {
      await checkpoint.load(engine, bytes, { model });
      return Promise.all(model.parameters.map((each) => engine.read(each)));
    },
  ],
  'data.idx': [() => labels, (bytes) => data.idx(bytes)],
  'data.gunzip of gzip': [() => zipped, (bytes) => data.gunzip(bytes)],
  'data.gunzip of other bytes': [() => labels, (bytes) => data.gunzip(bytes)],
  saveFile: [
    () => file,
    async (bytes) => {
      await saveFile(join(folder, 'saved'), bytes);
      return new Uint8Array(await readFile(join(folder, 'saved')));
    },
  ],
};
let saved: Uint8Array;
beforeAll(async () => {
  saved = await checkpoint.save(engine, { model });
});

/** As people have them in Node: small files lie in a pool, at any offset; Buffer.slice copies nothing. */
const inNode: typeof containers = {
  ...containers,
  'a Buffer of the pool': (content) => {
    const given = Buffer.from(content);
    return { given, memory: given };
  },
  'a Buffer at an offset': (content, offset) => {
    const memory = Buffer.alloc(content.length + offset + 9);
    memory.set(content, offset);
    return { given: memory.subarray(offset, offset + content.length), memory };
  },
  'a Buffer of shared memory': (content, offset): Held => {
    const { given, memory } = containers['a view of shared memory']!(content, offset);
    const { buffer, byteOffset, byteLength } = given as Uint8Array;
    return { given: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength), memory };
  },
};

/** The buffers under everything in a value. */
const buffersIn = (value: unknown): ArrayBufferLike[] => {
  if (ArrayBuffer.isView(value)) return [value.buffer];
  if (value instanceof Map) return [...value.values()].flatMap(buffersIn);
  return typeof value === 'object' && value ? Object.values(value).flatMap(buffersIn) : [];
};

describe.each(Object.entries(takers))('%s', (_, [content, take]) => {
  it('takes bytes in any container at any offset, and keeps nothing of it', async () => {
    const expected = structuredClone(await take(content()));
    const cases = fc.tuple(fc.constantFrom(...Object.keys(inNode)), fc.nat(9));
    await forAllAsync(cases, 40, async ([kind, offset]) => {
      const { given, memory } = inNode[kind]!(content(), offset);
      const result = take(given);
      if (result instanceof Promise) memory.fill(0xee); // it was copied at the call
      const got = await result;
      memory.fill(0xee);
      expect(got).toEqual(expected);
      expect(buffersIn(got)).not.toContain(memory.buffer);
    });
  });

  it.each([undefined, null, 'text', 3, [1, 2], {}, new Blob([])])(
    'refuses %s and says what to pass',
    async (wrong) => {
      const attempt = async (): Promise<unknown> => take(wrong as never);
      await expect(attempt()).rejects.toThrow(FormatError);
      await expect(attempt()).rejects.toThrow(/pass a Uint8Array, a Buffer or an ArrayBuffer/);
    },
  );
});

it('reads f64 out of a file that begins anywhere', () => {
  for (let offset = 0; offset < 17; offset++) {
    const { given } = inNode['a Buffer at an offset']!(file, offset);
    expect(safetensors.decode(given).tensors.get('exact')).toEqual(exact);
  }
});
