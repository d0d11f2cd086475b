// Reads IDX files, the format of MNIST, and gzip; makes data sets of the four MNIST files.
import { type Bytes, copyBytes, viewBytes } from '../core/bytes.js';
import type { TensorData } from '../core/dtype.js';
import { FormatError } from '../core/errors.js';
import { sameShape, sizeOf } from '../core/shape.js';
import { type Dataset, dataset } from './dataset.js';

/**
 * Inflates gzip data; returns a copy of other bytes. Throws FormatError, which begins with `name`, for damaged data and for
 * values that hold no bytes.
 */
export async function gunzip(bytes: Bytes, name = 'gunzip'): Promise<Uint8Array> {
  const own = copyBytes(name, bytes); // what is inflated is read later
  if (own[0] !== 0x1f || own[1] !== 0x8b) return own;
  const stream = new Blob([own]).stream().pipeThrough(new DecompressionStream('gzip'));
  const inflated = await new Response(stream).arrayBuffer().catch((cause: unknown) => {
    throw new FormatError(`${name}: the data is damaged or cut short; fetch it again`, { cause });
  });
  return new Uint8Array(inflated);
}

/**
 * Reads an IDX file, as MNIST comes in: labels [count] (magic 0x801) or images [count, rows, columns] (0x803), u8.
 * Throws FormatError, with `name`, where magic, sizes or length are wrong. Inflate a .gz file first: `idx(await gunzip(bytes))`.
 */
export function idx(file: Bytes, name = 'idx'): TensorData & { dtype: 'u8'; data: Uint8Array } {
  const bytes = viewBytes(name, file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length < 4 ? 'fewer than 4 bytes' : `0x${view.getUint32(0).toString(16)}`;
  if (!['0x801', '0x803'].includes(magic))
    throw new FormatError(
      `${name}: it begins with ${magic}, labels with 0x801 and images with 0x803; inflate gzip data (0x1f8b…) by data.gunzip`,
    );
  const rank = view.getUint8(3);
  const start = 4 + 4 * rank;
  if (bytes.length < start)
    throw new FormatError(`${name}: the header is cut short at byte ${bytes.length} of ${start}`);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = sizeOf(shape);
  const rest = bytes.length - start;
  if (size !== rest)
    throw new FormatError(
      `${name}: [${shape}] takes ${size} bytes and ${rest} follow the header; fetch it again`,
    );
  return { shape, dtype: 'u8', data: bytes.slice(start) };
}

/** MNIST's files: images and labels for training, and for testing. */
export const mnistNames: readonly string[] = ['train', 't10k'].flatMap((part) => [
  `${part}-images-idx3-ubyte`,
  `${part}-labels-idx1-ubyte`,
]);

/** Makes MNIST of its four files, gzip or not: `load` reads the bytes of a name such as "train-images-idx3-ubyte". */
export async function mnistFrom(load: (name: string) => Promise<Bytes>) {
  const read = async (name: string) =>
    idx(await gunzip(await load(name), `mnist: ${name}`), `mnist: ${name}`);
  const part = async (prefix: string): Promise<Dataset> => {
    const [images, labels] = await Promise.all([
      read(`${prefix}-images-idx3-ubyte`),
      read(`${prefix}-labels-idx1-ubyte`),
    ]);
    const [count, ...size] = images.shape;
    if (size.length !== 2 || !count || !sameShape(labels.shape, [count]))
      throw new FormatError(
        `mnist: ${prefix}: images [${images.shape}] and labels [${labels.shape}] do not fit`,
      );
    return dataset({ ...images, shape: [count, sizeOf(size)] }, labels, { scale: 1 / 255 });
  };
  const [train, test] = await Promise.all([part('train'), part('t10k')]);
  return { train, test };
}
