// The page's side of training in a worker: engine, model and data live there; reports and files are sent here.
import { type Bytes, copyBytes } from '../core/bytes.js';
import { NablaError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import type { EngineInfo } from '../graph/backend.js';
import type { EpochReport, Progress } from './fit.js';
import {
  type Answer,
  type Answers,
  buffersOf,
  type Command,
  listen,
  type News,
  type Port,
  type RemoteListeners,
  send,
  unpacked,
  unshared,
} from './port.js';

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

const failure = (fact: string): Error => new NablaError(`remoteTrainer: ${fact}`);

/** A request that waits for its answer. */
interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The asking side of a port. Once the worker has ended, whatever is asked fails. */
function connect(port: Port, listeners: RemoteListeners) {
  const waiting = new Map<number, Waiting>();
  let next = 0;
  let gone: Error | undefined;
  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
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
    const reply: Answer | News = Object(data);
    if ('event' in reply) {
      const listener = listeners[reply.event];
      if (listener) Reflect.apply(listener, listeners, reply.values);
      return;
    }
    const { id, value, failure } = reply;
    if (failure) waiting.get(id)?.reject(unpacked(failure));
    else waiting.get(id)?.resolve(value);
    waiting.delete(id);
  });
  const request = <C extends Command>(
    command: C,
    argument?: unknown,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Answers[C]> =>
    new Promise((resolve, reject) => {
      if (gone) throw gone;
      send(port, { id: next, command, argument }, transfer);
      waiting.set(next++, { resolve: (value) => resolve(value as Answers[C]), reject });
    });
  return {
    request,
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
  const moved = [...new Set(buffersOf(sent))];
  const info = await request('open', sent, moved).catch(async (error) => {
    await close();
    throw error;
  });
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
    async close() {
      isClosed = true;
      await request('close').finally(close);
    },
    async *[Symbol.asyncIterator]() {
      await request('iterate');
      while (!isClosed) {
        const { done, value } = await request('next');
        if (done) return;
        yield value;
      }
    },
  };
}
