// The page: buttons to the worker, replies to the page, one drawing a frame.
import { CostChart } from './chart.js';
import { Pad } from './pad.js';
import type { Reply, Request } from './protocol.js';
import { element, Figures, machineLine, missingNotice, Probabilities } from './view.js';

type Phase = 'opening' | 'idle' | 'training' | 'paused' | 'done' | 'broken';

const toggle = element('toggle', HTMLButtonElement);
const reset = element('reset', HTMLButtonElement);
const sample = element('sample', HTMLButtonElement);
const clear = element('clear', HTMLButtonElement);
const again = element('again', HTMLButtonElement);
const notice = element('notice');
const status = element('status');
const progress = element('progress', HTMLProgressElement);
const verdict = element('verdict');
const chart = new CostChart(element('chart'));
const figures = new Figures();
const probabilities = new Probabilities(element('bars'), verdict);
const pad = new Pad(element('pad', HTMLCanvasElement), element('preview', HTMLCanvasElement), (pixels) => {
  element('hint').hidden = pixels !== undefined;
  clear.disabled = pixels === undefined;
  if (!pixels) probabilities.clear();
  send({ type: 'classify', pixels });
});

let worker: Worker;
let phase: Phase = 'opening';
let run = 0;
let frame = 0;

const send = (request: Request): void => worker.postMessage(request);

/** However many replies come in a frame, the page is drawn once. */
function drawSoon(): void {
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    chart.draw();
    figures.draw(chart.mean);
    probabilities.draw();
  });
}

function enter(next: Phase, text: string): void {
  phase = next;
  status.textContent = text;
  progress.hidden = next !== 'opening';
  const labels: Partial<Record<Phase, string>> = { training: 'Pause', paused: 'Resume', done: 'Train on' };
  toggle.textContent = labels[next] ?? 'Start';
  for (const button of [toggle, reset, sample]) button.disabled = next === 'opening' || next === 'broken';
  reset.disabled ||= next === 'idle';
}

function open(): void {
  enter('opening', 'Opening the engine…');
  notice.hidden = again.hidden = true;
  progress.removeAttribute('value');
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  const own = worker;
  worker.onmessage = ({ data }: MessageEvent<Reply>) => {
    if (own === worker && (!('run' in data) || data.run === run)) receive(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(`The worker stopped: ${event.message || 'its script could not be loaded'}.`);
  };
  // the worker's own address is another one
  send({ type: 'open', data: new URL('mnist', document.baseURI).href });
}

/** What is left of a run goes away at once; the worker follows. */
function empty(): void {
  run++;
  chart.clear();
  figures.clear();
  element('chart').setAttribute('aria-label', 'Curve of the cost, no steps yet');
  drawSoon();
}

function fail(message: string): void {
  if (phase === 'broken') return;
  worker.terminate();
  enter('broken', 'Stopped.');
  element('noticeText').textContent = message;
  again.hidden = false;
  notice.hidden = false;
}

function receive(reply: Reply): void {
  switch (reply.type) {
    case 'opened': {
      element('machine').textContent = machineLine(reply.machine);
      const { missing } = reply.machine;
      if (!missing) return;
      element('noticeText').textContent = missingNotice(missing);
      again.hidden = true;
      notice.hidden = false;
      return;
    }
    case 'loading':
      progress.value = reply.done / Math.max(1, reply.total);
      if (status.textContent !== 'Fetching the digits…') status.textContent = 'Fetching the digits…';
      return;
    case 'compiling':
      progress.removeAttribute('value');
      status.textContent = 'Compiling the kernels…';
      return;
    case 'ready':
      if (!pad.isEmpty) pad.redraw();
      enter('idle', 'Ready: the weights are random.');
      return;
    case 'sample':
      probabilities.truth = reply.label;
      pad.show(reply.pixels);
      return;
    case 'lost':
      fail(`The GPU device was lost, and with it what was learned (${reply.reason.replace(/\.$/, '')}).`);
      return;
    case 'failed':
      fail(`Something went wrong: ${reply.message}`);
      return;
    default:
      follow(reply);
      return;
  }
}

/** Replies that belong to a run. */
function follow(reply: Extract<Reply, { run: number }>): void {
  switch (reply.type) {
    case 'step':
      if (phase === 'training') status.textContent = `Learning, epoch ${reply.epoch}`;
      chart.add(reply.step, reply.cost);
      figures.step(reply.step, reply.cost);
      drawSoon();
      return;
    case 'accuracy':
      figures.accuracy(reply.accuracy, reply.tests);
      if (phase === 'paused') status.textContent = `Paused: ${figures.result}.`;
      if (phase === 'done') status.textContent = `All epochs done: ${figures.result}.`;
      drawSoon();
      return;
    case 'stopped':
      figures.rest();
      element('chart').setAttribute('aria-label', figures.summary(chart.mean));
      if (reply.done) enter('done', `All epochs done: ${figures.result}.`);
      drawSoon();
      return;
    case 'probabilities':
      if (!pad.isEmpty) probabilities.set(reply.values);
      drawSoon();
      return;
    default:
      reply satisfies never;
  }
}

toggle.addEventListener('click', () => {
  if (phase === 'training') {
    enter('paused', 'Paused.');
    send({ type: 'pause' });
  } else {
    enter('training', 'Starting…');
    figures.rest();
    send({ type: 'start' });
  }
});
reset.addEventListener('click', () => {
  empty();
  send({ type: 'reset', run });
  toggle.focus();
  enter('idle', 'Ready: the weights are random again.');
});
sample.addEventListener('click', () => send({ type: 'sample' }));
clear.addEventListener('click', () => {
  pad.clear();
  sample.focus();
});
element('pad').addEventListener('pointerdown', () => {
  probabilities.truth = undefined;
});
again.addEventListener('click', () => {
  pad.clear();
  empty();
  open();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  chart.recolour();
  pad.redraw();
});

open();
drawSoon();
