// The worker: it holds the engine, so that nothing that the engine does can hold the page up.
import {
  CheckError,
  DeviceLostError,
  type Engine,
  type OnCheck,
  open as openGpu,
} from '../src/index.browser.js';
import { BackpropService } from './backprop/service.js';
import { DigitsService } from './digits/service.js';
import { openEngine } from './machine.js';
import { PlaygroundService } from './playground/service.js';
import type { EngineReply, Reply, Request } from './protocol.js';
import { PlainError, Sessions } from './sessions.js';
import { closenessOf, TrustService } from './trust/service.js';

const post = (reply: Reply): void => self.postMessage(reply);
const tell = (message: EngineReply): void => post({ part: 'engine', message });

/** What to say of an error to the part in which it came up; undefined where all parts hear of it. */
function describe(error: unknown): string | undefined {
  // the engine says by itself that its device is gone
  if (error instanceof DeviceLostError) return undefined;
  const message =
    error instanceof Error ? error.message.replace(/; see its reproduction$/, '') : String(error);
  if (error instanceof PlainError) return message;
  if (!(error instanceof CheckError))
    return `Something went wrong: ${message.replace(/\.?$/, '.')}`;
  tell({ type: 'mismatch', message });
  return undefined;
}

const tellLoss = (engine: Engine): void =>
  void engine.lost.then((reason) => tell({ type: 'lost', reason }));

const onCheck: OnCheck = (checks) => tell({ type: 'checked', closeness: closenessOf(checks) });

/** A second engine, with a clock for kernels, once it is asked for. */
let timed: Promise<Engine> | undefined;
function openTimed(): Promise<Engine> {
  timed ??= (async () => {
    const engine = await openGpu({
      backend: 'gpu',
      powerPreference: 'high-performance',
      profile: true,
      onCheck,
    });
    tellLoss(engine);
    return engine;
  })();
  timed.catch(() => {
    timed = undefined;
  });
  return timed;
}

async function open(): Promise<Sessions> {
  const { engine, machine } = await openEngine(onCheck);
  tellLoss(engine);
  tell({ type: 'opened', machine });
  const makers = {
    digits: () => new DigitsService(engine, openTimed),
    playground: () => new PlaygroundService(engine),
    backprop: () => new BackpropService(engine),
    trust: () => new TrustService(engine),
  };
  return new Sessions(makers, post, describe);
}

const opening = open();
opening.catch((error: unknown) => {
  tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
});

self.onmessage = ({ data }: MessageEvent<Request>) => {
  // that nothing could be opened has been said
  opening.then(
    (sessions) => sessions.receive(data),
    () => {},
  );
};
