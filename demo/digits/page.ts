// The digits' part of the page: buttons to the worker, replies to the page, one drawing a frame.
import type { CrossCheck } from '../../src/index.browser.js';
import type { Channel, Link } from '../link.js';
import type { PartPage } from '../part.js';
import type { Machine } from '../protocol.js';
import { element, oncePerFrame, put } from '../shared/dom.js';
import { makeQuiz } from '../shared/quiz.js';
import { LearningChart } from './chart.js';
import { showKernels, showTimes } from './kernels.js';
import { Pad } from './pad.js';
import { Pictures } from './pictures.js';
import type { DigitSettings, DigitsReply } from './protocol.js';
import { questions } from './questions.js';
import { readSettings } from './settings.js';
import { Figures, Probabilities } from './view.js';

/** `failed`: this part alone broke, and can be tried again; `broken`: the worker is gone, and the page starts again. */
type Phase = 'opening' | 'idle' | 'training' | 'paused' | 'done' | 'failed' | 'broken';

export class DigitsPage implements PartPage {
  readonly #link: Link;
  readonly #channel: Channel<'digits'>;
  readonly #toggle = element('toggle', HTMLButtonElement);
  readonly #reset = element('reset', HTMLButtonElement);
  readonly #sample = element('sample', HTMLButtonElement);
  readonly #clear = element('clear', HTMLButtonElement);
  readonly #retry = element('digitsRetry', HTMLButtonElement);
  readonly #status = element('status');
  readonly #progress = element('progress', HTMLProgressElement);
  readonly #chart = new LearningChart(element('chart'));
  readonly #figures = new Figures();
  readonly #probabilities = new Probabilities(element('bars'), element('verdict'));
  readonly #pictures = new Pictures(
    element('weights', HTMLCanvasElement),
    element('signals'),
    element('hard'),
  );
  readonly #form = element('digitSettings', HTMLFormElement);
  readonly #pad: Pad;
  #settings: DigitSettings;
  #phase: Phase = 'opening';
  /** Training is to start once there is something to train. */
  #startsSoon = false;
  #crossCheck: CrossCheck = 'off';
  #isVisible = true;
  /** Called when what `stepText` says has changed. */
  onProgress: () => void = () => {};

  /** However many replies come in a frame, the page is drawn once. */
  readonly #drawSoon = oncePerFrame(() => {
    this.#chart.draw();
    this.#figures.draw(this.#chart.mean);
    this.#probabilities.draw();
    this.#pictures.draw();
    this.onProgress();
  });

  constructor(link: Link) {
    this.#link = link;
    this.#settings = readSettings(this.#form)!;
    void makeQuiz(element('digitsQuiz'), 'Do you see it?', questions);
    this.#channel = link.channel('digits', {
      receive: (message) => this.#receive(message),
      failed: (message) => this.#fail(message),
    });
    this.#pad = new Pad(
      element('pad', HTMLCanvasElement),
      element('preview', HTMLCanvasElement),
      (pixels) => {
        element('hint').hidden = pixels !== undefined;
        this.#clear.disabled = pixels === undefined;
        if (!pixels) this.#probabilities.clear();
        this.#channel.send({ type: 'classify', pixels });
      },
    );
    this.#listen();
    this.#drawSoon();
  }

  /** Anew from random weights, in a new worker. */
  reopen(): void {
    this.#crossCheck = 'off';
    this.#pad.clear();
    this.#open();
  }

  #open(): void {
    this.#empty();
    this.#enter('opening', 'Opening the engine…');
    // the worker's own address is another one
    const data = new URL('mnist', document.baseURI).href;
    this.#channel.open({ type: 'open', data, settings: this.#settings });
    this.#channel.send({ type: 'show', isVisible: this.#isVisible });
    this.#channel.send({ type: 'crossCheck', mode: this.#crossCheck });
    this.#pad.resend();
  }

  opened({ backend, features }: Machine): void {
    const canTime = features.includes('timestamp-query');
    element('timed', HTMLInputElement).disabled = !canTime;
    if (backend === 'gpu' && !canTime)
      put('timedText', 'This adapter has no clock for kernels (timestamp-query).');
  }

  /** Starts training unless it is under way, as soon as it can. */
  #start(): void {
    this.#startsSoon = this.#phase === 'opening';
    if (this.#phase !== 'training') this.#toggle.click();
  }

  /** Which kernel calls are compared with float64; training begins unless it is under way. */
  crossCheck(mode: CrossCheck): void {
    this.#crossCheck = mode;
    this.#channel.send({ type: 'crossCheck', mode });
    if (mode === 'off') this.#startsSoon = false;
    else this.#start();
  }

  /** Where training stands, for people. */
  get stepText(): string {
    return this.#phase === 'training' ? `step ${this.#figures.stepText}` : 'rests';
  }

  broken(): void {
    this.#stop('broken', 'Stopped.');
  }

  /** Something went wrong here; the other parts go on. */
  #fail(message: string): void {
    this.#stop('failed', message);
  }

  #stop(phase: Phase, text: string): void {
    this.#startsSoon = false;
    this.#enter(phase, text);
    this.#figures.rest();
    this.#drawSoon();
  }

  show(isVisible: boolean): void {
    this.#isVisible = isVisible;
    this.#channel.send({ type: 'show', isVisible });
  }

  recolour(): void {
    this.#pictures.recolour();
    this.#chart.recolour();
    this.#pad.redraw();
  }

  #enter(next: Phase, text: string): void {
    this.#phase = next;
    this.#status.textContent = text;
    this.#status.classList.toggle('wrong', next === 'failed');
    this.#progress.hidden = next !== 'opening';
    this.#progress.removeAttribute('value');
    this.#retry.hidden = next !== 'failed';
    const labels: Partial<Record<Phase, string>> = {
      training: 'Pause',
      paused: 'Resume',
      done: 'Train on',
    };
    this.#toggle.textContent = labels[next] ?? 'Start';
    const isOff = next === 'opening' || next === 'failed' || next === 'broken';
    for (const button of [this.#toggle, this.#reset, this.#sample]) button.disabled = isOff;
    this.#reset.disabled ||= next === 'idle';
    this.onProgress();
  }

  /** What is left of a run goes away at once; the worker follows. */
  #empty(): void {
    this.#chart.clear();
    this.#figures.clear();
    this.#pictures.clear();
    element('chart').setAttribute('aria-label', 'Curve of the cost, no steps yet');
    this.#drawSoon();
  }

  #receive(reply: DigitsReply): void {
    switch (reply.type) {
      case 'loading':
        this.#progress.value = reply.done / Math.max(1, reply.total);
        if (this.#status.textContent !== 'Fetching the digits…')
          this.#status.textContent = 'Fetching the digits…';
        return;
      case 'compiling':
        this.#progress.removeAttribute('value');
        this.#status.textContent = 'Compiling the kernels…';
        return;
      case 'ready':
        this.#enter('idle', 'Ready: the weights are random.');
        showKernels(reply.kernels, reply.unfused);
        if (this.#startsSoon) this.#start();
        return;
      case 'sample':
        this.#probabilities.truth = reply.label;
        this.#pad.show(reply.pixels);
        return;
      default:
        this.#follow(reply);
    }
  }

  /** Replies that tell of the network. */
  #follow(
    reply: Exclude<DigitsReply, { type: 'loading' | 'compiling' | 'ready' | 'sample' }>,
  ): void {
    const figures = this.#figures;
    switch (reply.type) {
      case 'step':
        if (this.#phase === 'training') this.#status.textContent = `Learning, epoch ${reply.epoch}`;
        this.#chart.add(reply.step, reply.cost);
        figures.step(reply.step, reply.cost);
        break;
      case 'accuracy':
        figures.accuracy(reply.accuracy, reply.tests);
        this.#chart.accuracy(reply.accuracy);
        if (this.#phase === 'paused') this.#status.textContent = `Paused: ${figures.result}.`;
        if (this.#phase === 'done')
          this.#status.textContent = `All epochs done: ${figures.result}.`;
        break;
      case 'stopped':
        figures.rest();
        element('chart').setAttribute('aria-label', figures.summary(this.#chart.mean));
        if (reply.done) this.#enter('done', `All epochs done: ${figures.result}.`);
        break;
      case 'probabilities':
        if (!this.#pad.isEmpty) this.#probabilities.set(reply.values);
        break;
      case 'times':
        showTimes(reply.kernels);
        break;
      case 'insight':
        this.#pictures.insight = reply.insight;
        break;
      case 'hardest':
        this.#pictures.digits = reply.digits;
        break;
      default:
        reply satisfies never;
    }
    this.#drawSoon();
  }

  #configure(): void {
    const settings = readSettings(this.#form);
    if (!settings || JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#empty();
    // taken along when it starts again
    if (!this.#link.isOpen || this.#phase === 'failed') return;
    this.#enter('opening', 'Compiling the kernels…');
    this.#channel.begin({ type: 'configure', settings });
  }

  #listen(): void {
    this.#form.addEventListener('change', () => this.#configure());
    element('timed').addEventListener('change', () => this.#configure());
    this.#form.addEventListener('submit', (event) => event.preventDefault());
    this.#toggle.addEventListener('click', () => {
      if (this.#phase === 'training') {
        this.#enter('paused', 'Paused.');
        this.#channel.send({ type: 'pause' });
      } else {
        this.#enter('training', 'Starting…');
        this.#figures.rest();
        this.#channel.begin({ type: 'start' });
      }
    });
    this.#reset.addEventListener('click', () => {
      this.#empty();
      this.#channel.begin({ type: 'reset' });
      this.#toggle.focus();
      this.#enter('idle', 'Ready: the weights are random again.');
    });
    this.#sample.addEventListener('click', () => this.#channel.send({ type: 'sample' }));
    this.#retry.addEventListener('click', () => this.#open());
    this.#clear.addEventListener('click', () => {
      this.#pad.clear();
      this.#sample.focus();
    });
    element('pad').addEventListener('pointerdown', () => {
      this.#probabilities.truth = undefined;
    });
  }
}
