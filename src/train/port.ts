// The channel between a page and a worker that trains: ports, messages, and values as they are sent.
import { classOf, copyBytes, copyOf, isShared } from '../core/bytes.js';
import * as errors from '../core/errors.js';
import type { EngineInfo } from '../graph/backend.js';
import type { EpochReport, Progress } from './fit.js';
import type { StepReport } from './stepReports.js';

/**
 * One end of a channel: a Worker in a browser or in Node, the global scope of a browser's worker, Node's `parentPort`,
 * a MessagePort.
 */
export interface Port {
  postMessage(message: unknown, transfer: never): void;
  /** Node's ports pass data to listeners, the others events. */
  on?(type: string, listener: (data: unknown) => void): void;
  addEventListener?(type: string, listener: (event: unknown) => void): void;
  start?(): void;
  terminate?(): unknown;
  close?(): void;
}

/** Listeners for events of the worker. */
export interface RemoteListeners {
  /** As in the options of `fit`. */
  readonly onStep?: (report: StepReport) => void;
  /** As in the options of `fit`. */
  readonly onWarmUp?: (done: number, total: number) => void;
  /** Called with the reason when the worker's GPU device is lost. */
  readonly onLost?: (reason: string) => void;
}

/** Commands of the page, and what the worker answers to each. */
export interface Answers {
  open: EngineInfo;
  /** Begins to iterate over the run. */
  iterate: undefined;
  next: IteratorResult<EpochReport>;
  pause: Progress;
  save: Uint8Array;
  load: undefined;
  call: unknown;
  close: undefined;
}
export type Command = keyof Answers;

/** The page asks. */
export type Request = Readonly<{ id: number; command: Command; argument: never }>;
/** The worker answers a request. */
export type Answer = Readonly<{ id: number; value?: unknown; failure?: PackedError }>;
/** The worker reports an event, for which there may be a listener. */
export type News = Readonly<{ event: keyof RemoteListeners; values: readonly unknown[] }>;

/** Calls the listener with the data of each message, or with another event as it is. */
export function listen(port: Port, type: string, listener: (data: unknown) => void): void {
  const read = (event: unknown) => listener(type === 'message' ? Object(event).data : event);
  if (port.on) port.on(type, listener);
  else port.addEventListener!(type, read);
  port.start?.();
}

/** Sends a message; the memory of `transfer` is moved, not copied. */
export function send(port: Port, message: unknown, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer as never); // each kind of port has a type of its own for it
}

type PackedError = ReturnType<typeof packed>;

/** An error as data. Its class is known by the export's name, because minified classes have other names. */
export function packed(error: unknown) {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const own = Object.entries(errors).find(([, Kind]) => Kind === Object(error).constructor);
  return { name: own?.[0] ?? name, message, stack };
}

export function unpacked({ name, message, stack }: PackedError): Error {
  const own = Object.entries(errors).find(([exported]) => exported === name);
  const Kind: new (message: string) => Error = own?.[1] ?? Error;
  return Object.assign(new Kind(message), { name, stack });
}

/** The buffers of all arrays in a value that take the whole of one: those can be moved. Shared memory cannot. */
export function buffersOf(value: unknown): ArrayBuffer[] {
  if (value instanceof ArrayBuffer) return [value];
  if (ArrayBuffer.isView(value))
    return value.byteLength === value.buffer.byteLength ? buffersOf(value.buffer) : [];
  return typeof value === 'object' && value ? Object.values(value).flatMap(buffersOf) : [];
}

/**
 * A value with copies in the place of arrays in memory that threads share: what is sent stays what it was, and pages that are
 * not isolated may not send such memory at all.
 */
export function unshared(value: unknown): unknown {
  if (ArrayBuffer.isView(value) && isShared(value.buffer))
    return value instanceof DataView
      ? new DataView(copyBytes('remoteTrainer', value).buffer)
      : copyOf(value);
  const kind = classOf(value);
  if (ArrayBuffer.isView(value) || (kind !== 'Array' && kind !== 'Object')) return value;
  const parts = Object.entries(Object(value)).map(([name, part]) => {
    return { name, part, copy: unshared(part) };
  });
  if (parts.every(({ part, copy }) => part === copy)) return value;
  if (kind === 'Array') return parts.map(({ copy }) => copy);
  return Object.fromEntries(parts.map(({ name, copy }) => [name, copy]));
}
