// Trust's part of the page: checks while it learns, the kernel tests, and what computes.
import type { CrossCheck } from '../../src/index.browser.js';
import type { Channel, Link } from '../link.js';
import type { PartPage } from '../part.js';
import type { Machine } from '../protocol.js';
import { element, make, oncePerFrame, put } from '../shared/dom.js';
import { makeQuiz } from '../shared/quiz.js';
import type { Closeness, TrustReply } from './protocol.js';
import { questions } from './questions.js';
import './trust.css';
import markup from './trust.html?raw';

/** What the digits' part offers: their training, to be checked. */
export interface Training {
  /** Which of its kernel calls are compared with float64; it starts unless it is under way. */
  crossCheck(mode: CrossCheck): void;
  readonly stepText: string;
  /** Called when `stepText` is another. */
  onProgress: () => void;
}

const SHOWN_LIMITS: Readonly<Record<string, string>> = {
  maxStorageBufferBindingSize: 'Largest binding',
  maxBufferSize: 'Largest buffer',
  maxComputeInvocationsPerWorkgroup: 'Invocations a workgroup',
  maxComputeWorkgroupStorageSize: 'Workgroup memory',
  maxStorageBuffersPerShaderStage: 'Storage buffers a kernel',
};

const amount = (name: string, value: number): string => {
  if (!/Size$/.test(name)) return value.toLocaleString('en');
  return value >= 2 ** 20
    ? `${Math.round(value / 2 ** 20).toLocaleString('en')} MiB`
    : `${Math.round(value / 1024)} KiB`;
};

function ratioText(ratio: number): string {
  if (!Number.isFinite(ratio)) return '∞';
  return ratio < 10 ? ratio.toFixed(3) : ratio < 1e5 ? ratio.toFixed(0) : ratio.toExponential(0);
}

/** A ratio as a number and a bar. */
function meter(ratio: number): HTMLElement {
  const bar = make('div', { class: 'bar' });
  bar.style.transform = `scaleX(${Math.min(1, ratio)})`;
  const isOut = !(ratio <= 1);
  return make(
    'div',
    { class: isOut ? 'meter out' : 'meter' },
    ratioText(ratio),
    make('div', { class: 'track' }, bar),
  );
}

export class TrustPage implements PartPage {
  readonly #channel: Channel<'trust'>;
  /** Undefined until the digits' part is there. */
  #training: Training | undefined;
  readonly #watch: HTMLFieldSetElement;
  readonly #suite: HTMLButtonElement;
  /** Of each kernel: calls and values checked, and the largest error over its bound. */
  readonly #worst = new Map<string, Closeness & { calls: number }>();
  /** Whether this machine has kernels to check: not before it is known, nor on the CPU. */
  #hasKernels = false;
  #isRunning = false;
  #failed: string[] = [];
  #values = 0;

  readonly #drawSoon = oncePerFrame(() => this.#draw());

  constructor(link: Link, training: Promise<Training>) {
    element('trust').innerHTML = markup;
    this.#watch = element('watch', HTMLFieldSetElement);
    this.#suite = element('suite', HTMLButtonElement);
    void makeQuiz(element('trustQuiz'), 'Do you see it?', questions);
    this.#channel = link.channel('trust', {
      receive: (message) => this.#receive(message),
      failed: (message) => this.#end(message),
    });
    void training.then((found) => {
      this.#training = found;
      found.onProgress = () => this.#drawSoon();
      this.#enable();
    });
    this.#watch.addEventListener('change', ({ target }) => {
      this.#training?.crossCheck((target as HTMLInputElement).value as CrossCheck);
      this.#drawSoon();
    });
    this.#suite.addEventListener('click', () => (this.#isRunning ? this.#stop() : this.#run()));
  }

  reopen(): void {
    this.#worst.clear();
    this.#watch.querySelector('input')!.checked = true; // off, as in the new worker
    this.#hasKernels = false;
    this.#enable();
    this.#drawSoon();
  }

  broken(): void {
    this.#hasKernels = false;
    this.#enable();
    this.#drawSoon();
    this.#end('Stopped.');
  }

  checked({ name, values, ratio }: Closeness): void {
    const sum = this.#worst.get(name) ?? { calls: 0, values: 0, ratio: 0 };
    const sums = {
      calls: sum.calls + 1,
      values: sum.values + values,
      ratio: Math.max(sum.ratio, ratio),
    };
    this.#worst.set(name, { name, ...sums });
    this.#drawSoon();
  }

  /** What there is to check can be. */
  #enable(): void {
    this.#suite.disabled = !this.#hasKernels;
    this.#watch.disabled = !this.#hasKernels || !this.#training;
  }

  opened({ backend, adapter, software, limits, features }: Machine): void {
    const rows = [
      ['Engine', backend === 'gpu' ? 'WebGPU' : 'CPU, float64'],
      ['Adapter', `${adapter}${software && backend === 'gpu' ? ' (software)' : ''}`],
      ...Object.entries(SHOWN_LIMITS).flatMap(([name, label]) =>
        limits[name] === undefined ? [] : [[label, amount(name, limits[name])]],
      ),
      ['Half precision', features.includes('shader-f16') ? 'yes' : 'no'],
    ];
    element('adapterRows').replaceChildren(
      ...rows.map(([label, value]) =>
        make('div', {}, make('dt', {}, label!), make('dd', {}, value!)),
      ),
    );
    this.#hasKernels = backend === 'gpu';
    this.#enable();
    if (this.#hasKernels) return;
    put('suiteStatus', 'There are no kernels to check here: everything is computed in float64.');
  }

  #run(): void {
    this.#isRunning = true;
    this.#failed = [];
    this.#values = 0;
    element('suiteRows').replaceChildren();
    element('suiteProgress').hidden = false;
    put(this.#suite, 'Stop');
    put('suiteStatus', 'Running…');
    this.#channel.open({ type: 'suite', seed: Math.floor(Math.random() * 2 ** 31) });
  }

  #stop(): void {
    this.#channel.begin({ type: 'stop' });
    this.#end('Stopped.');
  }

  #end(text: string): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    element('suiteProgress').hidden = true;
    put(this.#suite, 'Run the tests');
    put('suiteStatus', text);
  }

  #receive(reply: TrustReply): void {
    switch (reply.type) {
      case 'op':
        this.#addOp(reply);
        return;
      case 'finished': {
        const { length } = element('suiteRows').children;
        const compared = `${this.#values.toLocaleString('en')} values compared`;
        const bad = this.#failed.join(', ');
        this.#end(bad ? `Outside their bound: ${bad}.` : `All ${length} ops passed, ${compared}.`);
        return;
      }
      default:
        reply satisfies never;
    }
  }

  #addOp({ name, kernels, values, ratio, done, of }: Extract<TrustReply, { type: 'op' }>): void {
    element('suiteProgress', HTMLProgressElement).value = done / of;
    this.#values += values;
    if (!(ratio <= 1)) this.#failed.push(name);
    const cells = [String(kernels), values.toLocaleString('en'), meter(ratio)].map((cell) =>
      make('td', {}, cell),
    );
    element('suiteRows').append(make('tr', {}, make('th', { scope: 'row' }, name), ...cells));
  }

  #draw(): void {
    const kernels = [...this.#worst.values()].sort((a, b) => b.ratio - a.ratio);
    put('watchWorst', kernels[0] ? ratioText(kernels[0].ratio) : '–');
    put('watchValues', kernels.reduce((sum, { values }) => sum + values, 0).toLocaleString('en'));
    put('watchStep', this.#training?.stepText ?? 'rests');
    element('watchRows').replaceChildren(
      ...kernels.map(({ name, calls, ratio }) => {
        const cells = [make('td', {}, calls.toLocaleString('en')), make('td', {}, meter(ratio))];
        return make('tr', {}, make('th', { scope: 'row' }, name), ...cells);
      }),
    );
  }
}
