// Writes TensorBoard event files: records (tensorflow/core/lib/io/record_writer.h) of Event messages (event.proto).
import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { bytesOf, double, type Fields, float, int, join, message, text } from './protobuf.js';

/** Scalars at one step of a run, by tag: "cost", "train/accuracy". */
export interface ScalarEvent {
  readonly step: number;
  /** Time in milliseconds since 1970, as from `Date.now()`. */
  readonly time: number;
  readonly values: Readonly<Record<string, number>>;
}

/** Bytes and their CRC-32C (Castagnoli), masked as the format requires. */
function checked(bytes: Uint8Array): Fields {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc;
  return [bytes, bytesOf(Uint32Array.of(((crc >>> 15) | (crc << 17)) + 0xa282ead8))];
}

/** The length, its checksum, the message, its checksum. */
function record(fields: readonly Fields[]): Fields {
  const data = join(fields);
  return [...checked(bytesOf(BigUint64Array.of(BigInt(data.length)))), ...checked(data)];
}

/**
 * Encodes scalars as a TensorBoard event file; such files may be concatenated. Save it in a run's folder under a name
 * with "tfevents" in it, such as `runs/first/events.out.tfevents.1`, and start `tensorboard --logdir runs`. Throws
 * NablaError for a step that is no whole number.
 */
export function encode(events: Iterable<ScalarEvent>): Uint8Array {
  const records = Array.from(events, (given, i) => {
    const { step, time, values } = checkOptions('tensorboard', given, 'step time values', '');
    if (!Number.isSafeInteger(step))
      throw new NablaError(`tensorboard: step ${step} is no whole number; give one`);
    const wallTime = double(1, time / 1000); // seconds
    const scalars = Object.entries(values).map(([tag, value]) => {
      const fields = [text(1, tag), float(2, value)];
      return message(1, fields);
    });
    const event = record([wallTime, int(2, step), message(5, scalars)]);
    const version = text(3, 'brain.Event:2'); // opens the file
    return i > 0 ? event : [...record([wallTime, version]), ...event];
  });
  return join(records);
}
