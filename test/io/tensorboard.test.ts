import { expect, it } from 'vitest';
import { tensorboard } from '../../src/index.common.js';
import { messagesOf, readMessage, textsOf } from '../support/protobuf.js';

/** CRC-32C as a remainder of polynomials, one bit after the other, most significant first. */
function crc32c(bytes: Uint8Array): number {
  const mirrored = (value: number, width: number): number =>
    Number.parseInt([...value.toString(2).padStart(width, '0')].reverse().join(''), 2);
  let rest = 0xffffffff;
  for (const byte of bytes)
    for (const bit of mirrored(byte, 8).toString(2).padStart(8, '0')) {
      const carry = (rest >>> 31) ^ Number(bit);
      rest = ((rest << 1) ^ (carry ? 0x1edc6f41 : 0)) >>> 0;
    }
  return mirrored(~rest >>> 0, 32);
}
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** The messages of an event file, every checksum of which is right. */
function recordsOf(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).toBe(masked(crc32c(file.subarray(at, at + 8))));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(at + 12 + length, true)).toBe(masked(crc32c(data)));
    records.push(data);
    at += length + 16;
  }
  return records;
}

const number = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.length === 8 ? view.getFloat64(0, true) : view.getFloat32(0, true);
};
function readEvent(bytes: Uint8Array) {
  const fields = readMessage(bytes);
  const scalars = messagesOf(bytes, 5).flatMap((summary) => messagesOf(summary, 1));
  return {
    time: number(fields.get(1)![0] as Uint8Array),
    step: fields.get(2)?.[0],
    version: textsOf(bytes, 3)[0],
    values: Object.fromEntries(
      scalars.map((each) => [textsOf(each, 1)[0]!, number(messagesOf(each, 2)[0]!)]),
    ),
  };
}

const events: tensorboard.ScalarEvent[] = [
  { step: 0, time: 1_700_000_000_250, values: { cost: 2.5, 'train/accuracy': 0.125 } },
  { step: 300, time: 1_700_000_001_000, values: { 'größe μ': -1e-30 } },
  {
    step: 2 ** 40,
    time: 1_700_000_002_000,
    values: { cost: Number.NaN, rate: Number.POSITIVE_INFINITY },
  },
  { step: -1, time: 1_700_000_003_000, values: {} },
];

it("knows the checksum's published example", () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
});

it('writes scalars that read back, with every checksum right', () => {
  const [head, ...read] = recordsOf(tensorboard.encode(events)).map(readEvent);
  expect(head).toEqual({
    time: 1_700_000_000.25,
    step: undefined,
    version: 'brain.Event:2',
    values: {},
  });
  expect(read).toEqual(
    events.map(({ step, time, values }) => ({
      ...{ time: time / 1000, step: BigInt(step), version: undefined },
      values: Object.fromEntries(
        Object.entries(values).map(([tag, value]) => [tag, Math.fround(value)]),
      ),
    })),
  );
});

it('gives files that may follow one another, and an empty one for no events', () => {
  const parts = [events.slice(0, 2), events.slice(2)].map((some) => tensorboard.encode(some));
  const steps = recordsOf(Uint8Array.from(parts.flatMap((part) => [...part]))).map(
    (each) => readEvent(each).step,
  );
  expect(steps).toEqual([undefined, 0n, 300n, undefined, 2n ** 40n, -1n]);
  expect(tensorboard.encode([])).toHaveLength(0);
});

it('refuses a step that is no whole number', () => {
  expect(() => tensorboard.encode([{ step: 0.5, time: 0, values: {} }])).toThrow(
    /step 0.5 is no whole number/,
  );
});
