// The playground's part of the page: points, settings, and what the worker reports.
import type { Link, PartPage } from '../link.js';
import { Curve } from '../shared/curve.js';
import { element, oncePerFrame, percent, put, rgb, valuesOf } from '../shared/dom.js';
import { makeQuiz } from '../shared/quiz.js';
import { Speed } from '../shared/speed.js';
import './playground.css';
import markup from './playground.html?raw';
import { PointsCanvas } from './points.js';
import type { NetSettings, Palette, PlaygroundReply, PlaygroundRequest, Points, SetName } from './protocol.js';
import { questions } from './questions.js';

/** Noise that a set begins with. */
const NOISE: Readonly<Record<SetName, number>> = { spiral: 0.02, moons: 0.1, xor: 0.12, circles: 0.05 };
/** Pixels along a side of the field's canvas. */
const PIXELS = 560;

const paletteNow = (): Palette => [rgb('--zero-field'), rgb('--middle-field'), rgb('--one-field')];

/**
 * Whether what WebGPU draws is to be seen. Chromium without a compositor on the GPU leaves it blank and loses all devices
 * over it; WebGL says there that it would be slow, and can be asked without harm.
 */
function canShow(): boolean {
  const context = document.createElement('canvas').getContext('webgl', { failIfMajorPerformanceCaveat: true });
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null;
}

export class PlaygroundPage implements PartPage {
  readonly #link: Link;
  readonly #toggle: HTMLButtonElement;
  readonly #reset: HTMLButtonElement;
  readonly #dataForm: HTMLFormElement;
  readonly #netForm: HTMLFormElement;
  readonly #points: PointsCanvas;
  readonly #chart: Curve;
  readonly #speed = new Speed();
  #own: { x: number; y: number; label: number }[] = [];
  #seed = 0;
  #isTraining = false;
  #report: Extract<PlaygroundReply, { type: 'report' }> | undefined;

  readonly #drawSoon = oncePerFrame(() => this.#draw());

  constructor(link: Link) {
    this.#link = link;
    element('playground').innerHTML = markup;
    this.#toggle = element('playToggle', HTMLButtonElement);
    this.#reset = element('playReset', HTMLButtonElement);
    this.#dataForm = element('playData', HTMLFormElement);
    this.#netForm = element('playNet', HTMLFormElement);
    this.#points = new PointsCanvas(element('points', HTMLCanvasElement), (x, y) => this.#drop(x, y));
    this.#chart = new Curve(element('playChart'), [{ colour: '--accent', width: 2 }], 0.8);
    void makeQuiz(element('playgroundQuiz'), 'Do you see it?', questions);
    link.on('playground', (message) => this.#receive(message));
    this.#listen();
  }

  reopen(): void {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = PIXELS;
    canvas.setAttribute('aria-hidden', 'true');
    element('fieldBox').replaceChildren(canvas);
    const offscreen = canvas.transferControlToOffscreen();
    const request = {
      type: 'open',
      canvas: offscreen,
      canShow: canShow(),
      palette: paletteNow(),
      net: this.#net(),
    } as const;
    this.#send(request, [offscreen]);
    this.#askForPoints();
    this.#empty();
  }

  broken(): void {
    this.#run(false);
    for (const button of [this.#toggle, this.#reset]) button.disabled = true;
  }

  /** Nobody sees it learn elsewhere. */
  show(isVisible: boolean): void {
    if (!isVisible && this.#isTraining) this.#run(false);
  }

  recolour(): void {
    this.#chart.recolour();
    this.#points.redraw();
    this.#send({ type: 'palette', palette: paletteNow() });
  }

  #send(request: PlaygroundRequest, transfer: Transferable[] = []): void {
    this.#link.send('playground', request, transfer);
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

  #run(isTraining: boolean): void {
    this.#isTraining = isTraining;
    this.#toggle.textContent = isTraining ? 'Pause' : this.#report ? 'Resume' : 'Start';
    this.#speed.rest();
    this.#send({ type: isTraining ? 'start' : 'pause' });
    this.#drawSoon();
  }

  /** What was learned is gone; training goes on if it was under way. */
  #empty(): void {
    this.#report = undefined;
    this.#chart.clear();
    this.#speed.rest();
    if (!this.#isTraining) this.#toggle.textContent = 'Start';
    this.#drawSoon();
  }

  #askForPoints(): void {
    const { set, noise } = valuesOf(this.#dataForm);
    if (set === 'own') this.#sendOwn();
    else this.#send({ type: 'set', name: set as SetName, noise: Number(noise), seed: this.#seed });
  }

  #sendOwn(): void {
    const points: Points = {
      places: Float32Array.from(this.#own.flatMap(({ x, y }) => [x, y])),
      labels: Int32Array.from(this.#own, ({ label }) => label),
    };
    this.#points.set(points);
    this.#send({ type: 'points', points });
  }

  /** A dropped point joins those in view: whatever set they came from, they are now the user's own. */
  #drop(x: number, y: number): void {
    this.#own.push({ x, y, label: Number(valuesOf(this.#dataForm).class) });
    this.#dataForm.querySelector<HTMLInputElement>('[value=own]')!.checked = true;
    this.#sendOwn();
  }

  #receive(reply: PlaygroundReply): void {
    switch (reply.type) {
      case 'ready':
        put(
          'drawn',
          reply.drawn === 'gpu' ? 'Drawn from the GPU’s own buffer, never read back.' : 'Drawn from values.',
        );
        for (const button of [this.#toggle, this.#reset]) button.disabled = false;
        return;
      case 'points': {
        const { places, labels } = reply.points;
        this.#own = Array.from(labels, (label, i) => ({ x: places[2 * i]!, y: places[2 * i + 1]!, label }));
        this.#points.set(reply.points);
        return;
      }
      case 'report':
        this.#report = reply;
        this.#speed.step(reply.step);
        this.#chart.add(reply.step, reply.cost);
        this.#drawSoon();
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
    this.#empty();
    this.#send({ type: 'reset', net: this.#net() });
  }

  #listen(): void {
    this.#toggle.addEventListener('click', () => this.#run(!this.#isTraining));
    this.#reset.addEventListener('click', () => this.#restart());
    this.#netForm.addEventListener('change', () => this.#restart());
    for (const form of [this.#netForm, this.#dataForm])
      form.addEventListener('submit', (event) => event.preventDefault());
    this.#dataForm.addEventListener('change', (event) => {
      const { name, value } = event.target as HTMLInputElement;
      if (name === 'class') return;
      const noise = this.#dataForm.elements.namedItem('noise') as HTMLInputElement;
      if (name === 'set' && value in NOISE) noise.value = String(NOISE[value as SetName]);
      if (name === 'set' && value === 'own') this.#own = [];
      this.#seed++;
      this.#askForPoints();
      if (name === 'set') this.#restart();
    });
  }
}
