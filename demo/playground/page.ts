// The playground's part of the page: points, settings, and what the worker reports.
import type { Channel, Link } from '../link.js';
import type { PartPage } from '../part.js';
import { Curve } from '../shared/curve.js';
import { element, oncePerFrame, percent, put, rgb, valuesOf } from '../shared/dom.js';
import { makeQuiz } from '../shared/quiz.js';
import { Speed } from '../shared/speed.js';
import './playground.css';
import { CAPACITY } from './plane.js';
import markup from './playground.html?raw';
import { PointsCanvas } from './points.js';
import type { NetSettings, Palette, PlaygroundReply, Points, SetName } from './protocol.js';
import { questions } from './questions.js';
import { pointsOf } from './sets.js';

/** Noise that a set begins with. */
const NOISE: Readonly<Record<SetName, number>> = {
  spiral: 0.02,
  moons: 0.1,
  xor: 0.12,
  circles: 0.05,
};
/** Pixels along a side of the field's canvas. */
const PIXELS = 560;

const paletteNow = (): Palette => [rgb('--zero-field'), rgb('--middle-field'), rgb('--one-field')];

/**
 * Whether what WebGPU draws is to be seen. Chromium without a compositor on the GPU leaves it blank and loses all devices
 * over it; WebGL says there that it would be slow, and can be asked without harm.
 */
function canShow(): boolean {
  const context = document
    .createElement('canvas')
    .getContext('webgl', { failIfMajorPerformanceCaveat: true });
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null;
}

/** `opening`: the worker has no network yet; `failed`: this part alone broke; `broken`: the worker is gone. */
type Phase = 'opening' | 'open' | 'failed' | 'broken';

export class PlaygroundPage implements PartPage {
  readonly #channel: Channel<'playground'>;
  readonly #toggle: HTMLButtonElement;
  readonly #reset: HTMLButtonElement;
  readonly #retry: HTMLButtonElement;
  readonly #progress: HTMLProgressElement;
  readonly #dataForm: HTMLFormElement;
  readonly #netForm: HTMLFormElement;
  readonly #canvas: PointsCanvas;
  readonly #chart: Curve;
  readonly #speed = new Speed();
  /** The points in view, which the worker learns from. */
  #own: { x: number; y: number; label: number }[] = [];
  #seed = 0;
  #phase: Phase = 'opening';
  #failure = '';
  /** The kernels of the present network are not all compiled yet. */
  #isCompiling = true;
  #isTraining = false;
  #report: Extract<PlaygroundReply, { type: 'report' }> | undefined;

  readonly #drawSoon = oncePerFrame(() => this.#draw());

  constructor(link: Link) {
    element('playground').innerHTML = markup;
    this.#toggle = element('playToggle', HTMLButtonElement);
    this.#reset = element('playReset', HTMLButtonElement);
    this.#retry = element('playRetry', HTMLButtonElement);
    this.#progress = element('playProgress', HTMLProgressElement);
    this.#dataForm = element('playData', HTMLFormElement);
    this.#netForm = element('playNet', HTMLFormElement);
    this.#canvas = new PointsCanvas(element('points', HTMLCanvasElement), (x, y) =>
      this.#drop(x, y),
    );
    this.#chart = new Curve(element('playChart'), [{ colour: '--accent', width: 2 }], 0.8);
    void makeQuiz(element('playgroundQuiz'), 'Do you see it?', questions);
    this.#channel = link.channel('playground', {
      receive: (message) => this.#receive(message),
      failed: (message) => this.#stop('failed', message),
    });
    this.#choosePoints();
    this.#listen();
  }

  /** Everything anew: a canvas can be given away only once. */
  reopen(): void {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = PIXELS;
    canvas.setAttribute('aria-hidden', 'true');
    element('fieldBox').replaceChildren(canvas);
    const offscreen = canvas.transferControlToOffscreen();
    const field = { canvas: offscreen, canShow: canShow(), palette: paletteNow() };
    this.#phase = 'opening';
    this.#isTraining = false;
    this.#empty();
    this.#channel.open({ type: 'open', ...field, net: this.#net(), points: this.#points() }, [
      offscreen,
    ]);
  }

  broken(): void {
    this.#stop('broken', 'Stopped.');
  }

  #stop(phase: Phase, text: string): void {
    this.#phase = phase;
    this.#failure = text;
    this.#isTraining = false;
    this.#speed.rest();
    this.#show();
  }

  /** Nobody sees it learn elsewhere. */
  show(isVisible: boolean): void {
    if (!isVisible && this.#isTraining) this.#run(false);
  }

  recolour(): void {
    this.#chart.recolour();
    this.#canvas.redraw();
    this.#channel.send({ type: 'palette', palette: paletteNow() });
  }

  #net(): NetSettings {
    const { hidden, learningRate, ...rest } = valuesOf(this.#netForm) as Record<string, string>;
    const widths = hidden!.split(' ').filter(Boolean).map(Number);
    return {
      ...(rest as Pick<NetSettings, 'activation' | 'optimizer'>),
      hidden: widths,
      learningRate: Number(learningRate),
    };
  }

  #points(): Points {
    return {
      places: Float32Array.from(this.#own.flatMap(({ x, y }) => [x, y])),
      labels: Int32Array.from(this.#own, ({ label }) => label),
    };
  }

  #run(isTraining: boolean): void {
    this.#isTraining = isTraining;
    this.#speed.rest();
    this.#channel.send({ type: isTraining ? 'start' : 'pause' });
    this.#show();
  }

  /** What was learned is gone; training goes on if it was under way. */
  #empty(): void {
    this.#report = undefined;
    this.#isCompiling = true;
    this.#progress.removeAttribute('value');
    this.#chart.clear();
    this.#speed.rest();
    this.#show();
  }

  /** Buttons and status, which say what the worker does. */
  #show(): void {
    this.#toggle.textContent = this.#isTraining ? 'Pause' : this.#report ? 'Resume' : 'Start';
    for (const button of [this.#toggle, this.#reset]) button.disabled = this.#phase !== 'open';
    this.#retry.hidden = this.#phase !== 'failed';
    const isOver = this.#phase === 'failed' || this.#phase === 'broken';
    this.#progress.hidden = isOver || !this.#isCompiling;
    element('playStatus').classList.toggle('wrong', this.#phase === 'failed');
    put('playStatus', isOver ? this.#failure : this.#statusText());
    this.#drawSoon();
  }

  #statusText(): string {
    if (this.#isCompiling)
      return `Compiling the kernels…${this.#isTraining ? ' Then it learns.' : ''}`;
    if (this.#own.length === 0)
      return this.#isTraining ? 'Waits for points: drop some.' : 'Drop some points.';
    if (this.#isTraining) return 'Learning';
    return this.#report ? 'Paused.' : 'Ready: the weights are random.';
  }

  /** The points of the set that is chosen; none, to begin with, where they are to be the user's own. */
  #choosePoints(): void {
    const { set, noise } = valuesOf(this.#dataForm);
    this.#own = [];
    if (set !== 'own') {
      const { places, labels } = pointsOf(set as SetName, Number(noise), this.#seed);
      this.#own = Array.from(labels, (label, i) => ({
        x: places[2 * i]!,
        y: places[2 * i + 1]!,
        label,
      }));
    }
    this.#canvas.set(this.#points());
  }

  #sendPoints(): void {
    this.#channel.send({ type: 'points', points: this.#points() });
    this.#show();
  }

  /** A dropped point joins those in view: whatever set they came from, they are now the user's own. */
  #drop(x: number, y: number): void {
    if (this.#own.length === CAPACITY) return;
    this.#own.push({ x, y, label: Number(valuesOf(this.#dataForm).class) });
    this.#dataForm.querySelector<HTMLInputElement>('[value=own]')!.checked = true;
    this.#canvas.set(this.#points());
    this.#sendPoints();
  }

  #receive(reply: PlaygroundReply): void {
    switch (reply.type) {
      case 'compiling':
        this.#progress.value = reply.done / reply.total;
        return;
      case 'ready':
        this.#phase = 'open';
        this.#isCompiling = false;
        put(
          'drawn',
          reply.drawn === 'gpu'
            ? 'Drawn from the GPU’s own buffer, never read back.'
            : 'Drawn from values.',
        );
        this.#show();
        return;
      case 'report':
        this.#report = reply;
        this.#speed.step(reply.step);
        this.#chart.add(reply.step, reply.cost);
        this.#show();
        return;
      default:
        reply satisfies never;
    }
  }

  #draw(): void {
    const report = this.#report;
    put('playAccuracy', report ? percent(report.accuracy, 0) : '–');
    put('playCost', report ? report.cost.toFixed(3) : '–');
    put('playStep', (report?.step ?? 0).toLocaleString('en'));
    put('playSpeed', this.#isTraining ? this.#speed.text : '–');
    this.#chart.draw();
  }

  #restart(): void {
    // what broke takes the settings along when it starts again
    if (this.#phase === 'failed' || this.#phase === 'broken') return;
    this.#empty();
    this.#channel.begin({ type: 'reset', net: this.#net(), points: this.#points() });
  }

  #listen(): void {
    this.#toggle.addEventListener('click', () => this.#run(!this.#isTraining));
    this.#reset.addEventListener('click', () => this.#restart());
    this.#retry.addEventListener('click', () => this.reopen());
    this.#netForm.addEventListener('change', () => this.#restart());
    for (const form of [this.#netForm, this.#dataForm])
      form.addEventListener('submit', (event) => event.preventDefault());
    this.#dataForm.addEventListener('change', (event) => {
      const { name, value } = event.target as HTMLInputElement;
      if (name === 'class') return;
      const noise = this.#dataForm.elements.namedItem('noise') as HTMLInputElement;
      if (name === 'set' && value in NOISE) noise.value = String(NOISE[value as SetName]);
      this.#seed++;
      // noise is no matter for points that were dropped
      if (name === 'noise' && valuesOf(this.#dataForm).set === 'own') return;
      this.#choosePoints();
      if (name === 'set') this.#restart();
      else this.#sendPoints();
    });
  }
}
