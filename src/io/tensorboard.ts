// Event files of TensorBoard: records (tensorflow/core/lib/io/record_writer.h) of Event messages (util/event.proto).
import { NablaError } from '../errors.js';
import { double, type Fields, float, int, join, message, text } from './protobuf.js';

/** Numbers at one step of a run, by their tags: "cost", "train/accuracy". */
export interface ScalarEvent {
  readonly step: number;
  /** When, in milliseconds since 1970, as `Date.now()` gives it. */
  readonly time: number;
  readonly values: Readonly<Record<string, number>>;
}

/** CRC-32C (Castagnoli), masked as records do it, so that a checksum of a checksum stays one. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** The length, its checksum, the message, its checksum. */
function record(fields: readonly Fields[]): Uint8Array {
  const data = join(fields);
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return bytes;
}

/**
 * Scalars as a TensorBoard event file; one file may follow another in one. Save it in a run's folder under a name with
 * "tfevents" in it, such as `runs/first/events.out.tfevents.1`, and start `tensorboard --logdir runs`. Throws NablaError for
 * a step that is no whole number.
 */
export function encode(events: Iterable<ScalarEvent>): Uint8Array {
  const records = Array.from(events, ({ step, time, values }, i) => {
    if (!Number.isSafeInteger(step)) throw new NablaError(`tensorboard: step ${step} is no whole number; count steps`);
    const scalars = Object.entries(values).map(([tag, value]) => message(1, [text(1, tag), float(2, value)]));
    const event = record([double(1, time / 1000), int(2, step), message(5, scalars)]);
    return i > 0 ? [event] : [record([double(1, time / 1000), text(3, 'brain.Event:2')]), event];
  });
  return join(records);
}
