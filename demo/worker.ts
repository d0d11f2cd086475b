// The worker: it holds the engine, so that nothing that the engine does can hold the page up.
import { CheckError, DeviceLostError, type Engine, type OnCheck, open as openGpu } from '../src/index.browser.js';
import { BackpropService } from './backprop/service.js';
import { DigitsService } from './digits/service.js';
import { openEngine } from './machine.js';
import { PlaygroundService } from './playground/service.js';
import type { EngineReply, Reply, Request } from './protocol.js';
import { closenessOf, TrustService } from './trust/service.js';

const post = (reply: Reply, transfer: Transferable[] = []): void => self.postMessage(reply, { transfer });
const tell = (message: EngineReply): void => post({ part: 'engine', message });

function fail(error: unknown): void {
  // the engine says by itself that its device is gone
  if (error instanceof DeviceLostError) return;
  const message = error instanceof Error ? error.message.replace(/; see its reproduction$/, '') : String(error);
  tell({ type: error instanceof CheckError ? 'mismatch' : 'failed', message });
}

const tellLoss = (engine: Engine): void => void engine.lost.then((reason) => tell({ type: 'lost', reason }));

const onCheck: OnCheck = (checks) => post({ part: 'trust', message: { type: 'checked', ...closenessOf(checks) } });

/** A second engine, with a clock for kernels. */
async function openTimed(): Promise<Engine> {
  const engine = await openGpu({ backend: 'gpu', powerPreference: 'high-performance', profile: true, onCheck });
  tellLoss(engine);
  return engine;
}

function makeServices(engine: Engine) {
  return {
    digits: new DigitsService(engine, openTimed, (message) => post({ part: 'digits', message }), fail),
    playground: new PlaygroundService(engine, (message) => post({ part: 'playground', message }), fail),
    backprop: new BackpropService(engine, (message) => post({ part: 'backprop', message })),
    trust: new TrustService(engine, (message) => post({ part: 'trust', message })),
  };
}

async function open() {
  const { engine, machine } = await openEngine(onCheck);
  tellLoss(engine);
  tell({ type: 'opened', machine });
  return makeServices(engine);
}

const opening = open();
opening.catch(fail);

async function handle(request: Request): Promise<void> {
  const services = await opening;
  switch (request.part) {
    case 'digits':
      return services.digits.receive(request.message);
    case 'playground':
      return services.playground.receive(request.message);
    case 'backprop':
      return services.backprop.receive(request.message);
    case 'trust':
      return services.trust.receive(request.message);
    default:
      request satisfies never;
  }
}

self.onmessage = ({ data }: MessageEvent<Request>) => {
  handle(data).catch(fail);
};
