// Training in a worker: engine, model and data live there; reports and files are sent to the page.
import { type Bytes, classOf, copyBytes, copyOf, isShared } from '../core/bytes.js';
import * as errors from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { Engine } from '../engine/engine.js';
import type { EngineInfo } from '../graph/backend.js';
import * as checkpoint from '../io/checkpoint.js';
import {
  type EpochReport,
  type Fit,
  type FitOptions,
  type Progress,
  type StepReport,
  TrainingRun,
} from './fit.js';

/**
 * One end of a channel: a Worker in a browser or in Node, the global scope of a browser's worker, Node's `parentPort`,
 * a MessagePort.
 */
export interface Port {
  postMessage(message: unknown, transfer: never): void;
  /** Node's ports give data, the others events. */
  on?(type: string, listener: (data: unknown) => void): void;
  addEventListener?(type: string, listener: (event: unknown) => void): void;
  start?(): void;
  terminate?(): unknown;
  close?(): void;
}
function listen(port: Port, type: string, listener: (data: unknown) => void): void {
  const read = (event: unknown) =>
    listener(type === 'message' ? (event as { data: unknown }).data : event);
  if (port.on) port.on(type, listener);
  else port.addEventListener!(type, read);
  port.start?.();
}

type Command = 'open' | 'iterate' | 'next' | 'pause' | 'save' | 'load' | 'call' | 'close';
type Request = Readonly<{ id: number; command: Command; argument: never }>;
type Answer = Readonly<{ id: number; value?: unknown; failure?: ReturnType<typeof packed> }>;
type News = Readonly<{ event: keyof RemoteListeners; values: readonly unknown[] }>;

/** An error as data. Its class is known by the export's name, because minified classes have other names. */
function packed(error: unknown) {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const own = Object.entries(errors).find(([, Kind]) => Kind === Object(error).constructor);
  return { name: own?.[0] ?? name, message, stack };
}
function unpacked({ name, message, stack }: ReturnType<typeof packed>): Error {
  const Kind = (errors as Readonly<Record<string, new (message: string) => Error>>)[name] ?? Error;
  return Object.assign(new Kind(message), { name, stack });
}

/** The memory that arrays anywhere in a value take as a whole: what can be moved instead of copied; shared memory cannot. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (value instanceof ArrayBuffer) return [value];
  if (ArrayBuffer.isView(value))
    return value.byteLength === value.buffer.byteLength ? buffersOf(value.buffer) : [];
  return typeof value === 'object' && value ? Object.values(value).flatMap(buffersOf) : [];
}

/**
 * A value with copies in the place of arrays in memory that threads share: what is sent stays what it was, and pages that are
 * not isolated may not send such memory at all.
 */
function unshared(value: unknown): unknown {
  if (ArrayBuffer.isView(value) && isShared(value.buffer))
    return value instanceof DataView
      ? new DataView(copyBytes('remoteTrainer', value).buffer)
      : copyOf(value);
  const kind = classOf(value);
  if (ArrayBuffer.isView(value) || (kind !== 'Array' && kind !== 'Object')) return value;
  const parts = Object.entries(value as object);
  const copied = parts.map(([name, part]) => [name, unshared(part)] as const);
  if (copied.every(([, part], i) => part === parts[i]![1])) return value;
  return kind === 'Array' ? copied.map(([, part]) => part) : Object.fromEntries(copied);
}

/** A trainer in a worker: the options of `fit`, the engine, and functions that the other side may call. */
export interface ServedTrainer
  extends Omit<FitOptions, 'signal' | 'resume' | 'onStep' | 'onWarmUp'> {
  readonly engine: Engine;
  /** Functions for `trainer.call`, by name; they run immediately, also during training. */
  readonly calls?: Readonly<Record<string, (argument: never) => unknown>>;
}

type SetUp<S> = (settings: S) => ServedTrainer | Promise<ServedTrainer>;
/** A function that tells the other side's listener what it is given. */
type Tell = (event: keyof RemoteListeners) => (...values: readonly unknown[]) => void;

/** Does what a command says: one after the other, but for calls. */
function makeServant<S>(
  setUp: SetUp<S>,
  tell: Tell,
): (command: Command, argument: never) => Promise<unknown> {
  let served: ServedTrainer;
  let run: Fit;
  let reports: AsyncIterator<EpochReport> | undefined;
  let pauses = 0; // asked for and not done
  const signal = {
    get aborted() {
      return pauses > 0;
    },
  };
  const begin = (resume?: Progress): void => {
    const { engine, calls, ...options } = served;
    const listeners = { onStep: tell('onStep'), onWarmUp: tell('onWarmUp') };
    // no fit: the other side decides whether it is ever run
    run = new TrainingRun(engine, { ...options, signal, ...listeners, ...(resume && { resume }) });
  };
  const subject = () => ({ model: served.model, optimizer: served.optimizer });
  const rest = async (): Promise<void> => void (await reports?.return?.());
  const commands: Readonly<Record<Command, (argument: never) => unknown>> = {
    async open(settings: S) {
      served = await setUp(settings);
      begin();
      served.engine.lost.then(tell('onLost'));
      return served.engine.info;
    },
    async iterate() {
      await rest();
      reports = run[Symbol.asyncIterator]();
    },
    next: () => reports!.next(),
    async pause() {
      pauses--;
      await rest();
      return run.progress;
    },
    save: () => checkpoint.save(served.engine, { ...subject(), progress: run.progress }),
    async load(file: Uint8Array) {
      await rest();
      begin((await checkpoint.load(served.engine, file, subject())).progress);
    },
    call([name, argument]: [string, never]) {
      const call = served.calls?.[name];
      if (call) return call(argument);
      const known = Object.keys(served.calls ?? {}).join(', ') || 'none';
      throw new errors.NablaError(`call: the worker has no function '${name}'; it has ${known}`);
    },
    async close() {
      await rest();
      served.engine.dispose();
    },
  };
  let last: Promise<unknown> = Promise.resolve();
  return async (command, argument) => {
    if (command === 'call') return commands.call(argument);
    if (command === 'pause' || command === 'close') pauses++;
    const work = last.then(() => commands[command](argument));
    last = work.catch(() => {});
    return work;
  };
}

/**
 * Call this in a worker. It sets up a trainer when `remoteTrainer` requests it, with the settings sent, and runs its
 * commands. Call it while the worker's script loads, before any await. In Node pass `parentPort` of node:worker_threads
 * as the port; throws NablaError where there is none.
 *
 *     serveTrainer(async ({ inputs, labels }) => ({
 *       engine: await open(),
 *       model,
 *       loss: loss.crossEntropy,
 *       optimizer: optim.adam(),
 *       data: dataset(inputs, labels),
 *       epochs: 10,
 *       batchSize: 64,
 *     }));
 */
export function serveTrainer<S>(setUp: SetUp<S>, port: Port | null = globalThis as never): void {
  if (typeof port?.postMessage !== 'function')
    throw new errors.NablaError(
      'serveTrainer: there is no port; in Node pass parentPort of node:worker_threads',
    );
  const send = (reply: Answer | News, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(reply, transfer as never);
  const say = (event: keyof RemoteListeners, ...values: readonly unknown[]): void =>
    send({ event, values });
  const serve = makeServant(setUp, (event) => say.bind(undefined, event));
  listen(port, 'message', (data) => {
    const { id, command, argument } = data as Request;
    serve(command, argument)
      .then((value) => send({ id, value }, command === 'save' ? buffersOf(value) : []))
      .catch((error: unknown) => send({ id, failure: packed(error) }));
  });
}

/** Listeners for events of the worker. */
export interface RemoteListeners {
  /** As `fit` has it. */
  readonly onStep?: (report: StepReport) => void;
  /** As `fit` has it. */
  readonly onWarmUp?: (done: number, total: number) => void;
  /** Called with the reason when the worker's GPU device is lost. */
  readonly onLost?: (reason: string) => void;
}

/**
 * A trainer in a worker: iterate over it for one report per epoch, as over `fit`. Errors keep their classes. Unlike
 * `fit` it cannot be awaited: `remoteTrainer` would then wait for the end of training. If it is never iterated over, it
 * trains nothing, without a warning, because it may only be loaded, saved or called.
 */
export interface RemoteTrainer extends AsyncIterable<EpochReport> {
  /** Backend, adapter, limits and features of the worker's engine. */
  readonly info: EngineInfo;
  /**
   * Stops after the current step and returns the progress; the iteration ends without a report. Iterate again to
   * continue.
   */
  pause(): Promise<Progress>;
  /**
   * Makes a checkpoint of model, optimizer and progress after the current epoch; `pause` first to get it immediately.
   */
  save(): Promise<Uint8Array>;
  /** Continues from a checkpoint; from the beginning if the file has no progress. */
  load(file: Bytes): Promise<void>;
  /** Calls a function in the worker's `calls` and returns its result. */
  call(name: string, argument?: unknown): Promise<unknown>;
  /** Stops training, frees the engine and ends the worker. */
  close(): Promise<void>;
}

const failure = (fact: string): Error => new errors.NablaError(`remoteTrainer: ${fact}`);

/** The asking side of a port. Once the worker has ended, whatever is asked fails. */
function connect(port: Port, listeners: RemoteListeners) {
  const waiting = new Map<number, (value: never) => void>();
  let next = 0;
  let gone: Error | undefined;
  const fail = (error: Error): void => {
    for (const settle of waiting.values()) settle(Promise.reject(error) as never);
    waiting.clear();
  };
  const end = (reason: string): void => {
    gone ??= failure(`the worker is gone: ${reason}`);
    fail(gone);
  };
  // a browser's worker lives on
  listen(port, 'error', (error) => {
    fail(failure(`an error in the worker: ${Object(error).message ?? 'its script does not load'}`));
  });
  listen(port, 'exit', (code) => end(`exit code ${code}`));
  listen(port, 'message', (data) => {
    const reply = data as Answer | News;
    if ('event' in reply)
      return (listeners[reply.event] as (...values: unknown[]) => void)?.(...reply.values);
    const { id, value, failure } = reply;
    waiting.get(id)?.((failure ? Promise.reject(unpacked(failure)) : value) as never);
    waiting.delete(id);
  });
  return {
    request: <T>(command: Command, argument?: unknown, transfer: ArrayBuffer[] = []): Promise<T> =>
      new Promise((resolve) => {
        if (gone) throw gone;
        port.postMessage({ id: next, command, argument }, transfer as never);
        waiting.set(next++, resolve);
      }),
    async close(): Promise<void> {
      end('it is closed');
      await (port.terminate ?? port.close)?.call(port);
    },
  };
}

/**
 * Sets up a trainer in a worker that calls `serveTrainer`. The memory of typed arrays in `settings` is transferred to
 * the worker: they are empty here afterwards. Arrays in shared memory are copied. Throws the worker's errors, with
 * their classes, and NablaError if the worker does not start.
 */
export async function remoteTrainer(
  port: Port,
  settings?: unknown,
  listeners: RemoteListeners = {},
): Promise<RemoteTrainer> {
  checkOptions('remoteTrainer', listeners, '', 'onStep onWarmUp onLost');
  const { request, close } = connect(port, listeners);
  const sent = unshared(settings);
  const info = await request<EngineInfo>('open', sent, [...new Set(buffersOf(sent))]).catch(
    async (error) => {
      await close();
      throw error;
    },
  );
  let isClosed = false;
  return {
    info,
    pause: () => request('pause'),
    save: () => request('save'),
    async load(file) {
      const own = copyBytes('load', file);
      await request('load', own, [own.buffer]);
    },
    call: (name, argument) => request('call', [name, argument]),
    close() {
      isClosed = true;
      return request<void>('close').finally(close);
    },
    async *[Symbol.asyncIterator]() {
      await request('iterate');
      while (!isClosed) {
        const { done, value } = await request<IteratorResult<EpochReport>>('next');
        if (done) return;
        yield value;
      }
    },
  };
}
