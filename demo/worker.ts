// The worker: it holds the engine, so that nothing that the engine does can hold the page up.
import type { Reply, Request } from './protocol.js';
import { openEngine, Trainer } from './trainer.js';

const post = (reply: Reply): void => self.postMessage(reply);

async function openTrainer(folder: string): Promise<Trainer> {
  const { engine, machine } = await openEngine();
  void engine.lost.then((reason) => post({ type: 'lost', reason }));
  post({ type: 'opened', machine });
  const trainer = await Trainer.create(engine, folder, post);
  post({ type: 'ready' });
  return trainer;
}

let opening: Promise<Trainer> | undefined;

async function handle(request: Request): Promise<void> {
  if (request.type === 'open') {
    opening = openTrainer(request.data);
    await opening;
    return;
  }
  const trainer = await opening;
  if (!trainer) return;
  switch (request.type) {
    case 'start':
      trainer.start();
      return;
    case 'pause':
      trainer.pause();
      return;
    case 'reset':
      trainer.reset(request.run);
      return;
    case 'classify':
      trainer.classify(request.pixels);
      return;
    case 'sample':
      trainer.sample();
      return;
    default:
      request satisfies never;
  }
}

self.onmessage = ({ data }: MessageEvent<Request>) => {
  handle(data).catch((error: unknown) => {
    post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  });
};
