// The worker's side of training in a worker: sets up a trainer and does what the page asks.
import { NablaError } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';
import * as checkpoint from '../io/checkpoint.js';
import { type EpochReport, type Fit, type FitOptions, type Progress, TrainingRun } from './fit.js';
import {
  type Answer,
  buffersOf,
  type Command,
  listen,
  type News,
  type Port,
  packed,
  type RemoteListeners,
  type Request,
  send,
} from './port.js';

/** A trainer in a worker: the options of `fit`, the engine, and functions that the other side may call. */
export interface ServedTrainer
  extends Omit<FitOptions, 'signal' | 'checkpoint' | 'resume' | 'onStep' | 'onWarmUp'> {
  readonly engine: Engine;
  /** Functions for `trainer.call`, by name; they run immediately, also during training. */
  readonly calls?: Readonly<Record<string, (argument: never) => unknown>>;
}

type SetUp<S> = (settings: S) => ServedTrainer | Promise<ServedTrainer>;
/** Makes a function that sends what it is given to the other side's listener. */
type Tell = (event: keyof RemoteListeners) => (...values: readonly unknown[]) => void;

/** Pauses that were asked for and are not done yet: while there are any, the run is aborted. */
function pauseSignal() {
  let pending = 0;
  return {
    get aborted() {
      return pending > 0;
    },
    ask: () => {
      pending++;
    },
    done: () => {
      pending--;
    },
  };
}
type Pauses = ReturnType<typeof pauseSignal>;

/** What each command does, from `open` on. */
function commandsOf<S>(
  setUp: SetUp<S>,
  tell: Tell,
  pauses: Pauses,
): Readonly<Record<Command, (argument: never) => unknown>> {
  let served: ServedTrainer;
  let run: Fit;
  let reports: AsyncIterator<EpochReport> | undefined;
  const begin = (resume?: Progress): void => {
    const { engine, calls, ...options } = served;
    const listeners = { onStep: tell('onStep'), onWarmUp: tell('onWarmUp') };
    const settings = { ...options, ...listeners, signal: pauses };
    // no fit, which warns where a run is not used: the other side decides whether it is
    run = new TrainingRun(engine, resume ? { ...settings, resume } : settings);
  };
  const iterate = (): AsyncIterator<EpochReport> => run[Symbol.asyncIterator]();
  const stop = async (): Promise<void> => void (await reports?.return?.());
  const subject = () => ({ model: served.model, optimizer: served.optimizer });
  return {
    async open(settings: S) {
      served = await setUp(settings);
      begin();
      served.engine.lost.then(tell('onLost'));
      return served.engine.info;
    },
    async iterate() {
      await stop();
      reports = iterate();
    },
    next() {
      reports ??= iterate();
      return reports.next();
    },
    async pause() {
      pauses.done();
      await stop();
      return run.progress;
    },
    save: () => checkpoint.save(served.engine, { ...subject(), progress: run.progress }),
    async load(file: Uint8Array) {
      await stop();
      const { progress } = await checkpoint.load(served.engine, file, subject());
      begin(progress);
    },
    call([name, argument]: [string, never]) {
      const call = served.calls?.[name];
      if (call) return call(argument);
      const known = Object.keys(served.calls ?? {}).join(', ') || 'none';
      throw new NablaError(`call: the worker has no function '${name}'; it has ${known}`);
    },
    async close() {
      await stop();
      served.engine.dispose();
    },
  };
}

/** Runs commands one after the other, except calls, which run immediately. */
function makeServant<S>(setUp: SetUp<S>, tell: Tell) {
  const pauses = pauseSignal();
  const commands = commandsOf(setUp, tell, pauses);
  let last: Promise<unknown> = Promise.resolve();
  return async (command: Command, argument: never): Promise<unknown> => {
    if (command === 'call') return commands.call(argument);
    if (command === 'pause' || command === 'close') pauses.ask();
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
    throw new NablaError(
      'serveTrainer: there is no port; in Node pass parentPort of node:worker_threads',
    );
  const tell: Tell =
    (event) =>
    (...values) =>
      send(port, { event, values } satisfies News);
  const serve = makeServant(setUp, tell);
  const answer = async ({ id, command, argument }: Request): Promise<void> => {
    const value = await serve(command, argument);
    const moved = command === 'save' ? buffersOf(value) : [];
    send(port, { id, value } satisfies Answer, moved);
  };
  listen(port, 'message', (data) => {
    const request: Request = Object(data);
    answer(request).catch((error: unknown) => {
      send(port, { id: request.id, failure: packed(error) } satisfies Answer);
    });
  });
}
