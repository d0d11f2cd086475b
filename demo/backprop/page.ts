// Backpropagation's part of the page: an example, its steps, and their numbers.
import type { TensorData } from '../../src/index.browser.js';
import fork from '../examples/seed000-section3.json' with { type: 'json' };
import network from '../examples/seed001-network.json' with { type: 'json' };
import fanout from '../examples/seed002-fanout.json' with { type: 'json' };
import regression from '../examples/seed002-regression.json' with { type: 'json' };
import chain from '../examples/seed003-section8.json' with { type: 'json' };
import lazy from '../examples/seed003-section13.json' with { type: 'json' };
import type { Link, PartPage } from '../link.js';
import { element, make, nextTask, put } from '../shared/dom.js';
import { makeQuiz } from '../shared/quiz.js';
import './backprop.css';
import markup from './backprop.html?raw';
import { Drawing } from './drawing.js';
import { describe, fillForm } from './form.js';
import { NetworkDrawing, networkOf } from './network.js';
import type { BackpropReply, Description } from './protocol.js';
import { questions } from './questions.js';
import { knownAfter, type Walk, walkOf } from './steps.js';
import { formula, show } from './words.js';

const examples: readonly Description[] = [fork, regression, fanout, chain, lazy, network];
/** Milliseconds a step while it plays. */
const PACE = 1100;
/** Numbers of an array that the table lists. */
const LISTED = 24;
/** Below this width the graph runs from the top down. */
const WIDE = 760;

export class BackpropPage implements PartPage {
  readonly #link: Link;
  readonly #at: HTMLInputElement;
  readonly #svg: SVGSVGElement;
  #turn = 0;
  #description: Description = examples[0]!;
  #reply: Extract<BackpropReply, { type: 'explained' }> | undefined;
  #walk: Walk | undefined;
  #drawing: Drawing | NetworkDrawing | undefined;
  #upright = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(link: Link) {
    this.#link = link;
    element('backprop').innerHTML = markup;
    this.#at = element('walkAt', HTMLInputElement);
    this.#svg = element('graph', SVGSVGElement);
    element('example').append(...examples.map(({ title = '' }, i) => make('option', { value: String(i) }, title)));
    void makeQuiz(element('backpropQuiz'), 'Do you see it?', questions);
    link.on('backprop', (message) => void this.#receive(message));
    this.#listen();
    fillForm(this.#description);
  }

  reopen(): void {
    this.#explain(this.#description);
  }

  broken(): void {
    this.#play(false);
  }

  show(isVisible: boolean): void {
    if (!isVisible) this.#play(false);
  }

  #explain(description: Description): void {
    this.#description = description;
    this.#link.send('backprop', { type: 'explain', turn: ++this.#turn, description });
  }

  async #receive(reply: BackpropReply): Promise<void> {
    if (reply.turn !== this.#turn) return;
    put('graphError', reply.type === 'refused' ? reply.message : '');
    if (reply.type === 'refused') return;
    this.#reply = reply;
    this.#walk = walkOf(reply.gpu ?? reply.exact);
    this.#at.max = String(this.#walk.steps.length);
    put('graphEngine', reply.gpu ? 'the GPU' : 'the CPU');
    this.#fillTable();
    await nextTask();
    if (reply !== this.#reply) return;
    this.#lay();
    await nextTask();
    if (reply === this.#reply) this.#go(0);
  }

  #lay(): void {
    if (!this.#walk) return;
    this.#upright = element('backprop').clientWidth < WIDE;
    const network = networkOf(this.#walk);
    this.#drawing = network
      ? new NetworkDrawing(this.#svg, network, this.#upright)
      : new Drawing(this.#svg, this.#walk, this.#upright);
    const lines = 'lines: weights, then ∂f/∂weight; orange above zero, blue below, wide where large';
    put('legendLines', network ? lines : 'on edges: × local gradient, and what flows back');
    put('legendGradient', network ? 'δ = ∂f/∂z' : '∂f/∂node');
  }

  /** One row a node; cells are filled as the numbers become known. */
  #fillTable(): void {
    const { labels, nodes } = this.#walk!;
    element('numbers').replaceChildren(
      ...nodes.map((node) => {
        const does = formula(node, labels);
        const head = make('th', { scope: 'row' }, `${labels.get(node.id)}${does && ` = ${does}`}`);
        return make('tr', { 'data-name': labels.get(node.id)! }, head, ...['', '', '', ''].map(() => make('td')));
      }),
    );
  }

  #go(to: number): void {
    const { steps, nodes } = this.#walk ?? { steps: [], nodes: [] };
    const count = Math.max(0, Math.min(steps.length, to));
    this.#at.value = String(count);
    const known = knownAfter(steps, count);
    this.#drawing?.update(known);
    put('says', known.now?.says ?? 'Values first: press Next, and each node computes its own from its inputs.');
    const exact = new Map(this.#reply?.exact.nodes.map((node) => [node.id, node]));
    nodes.forEach((node, i) => {
      const row = element('numbers').children[i]!;
      const own = exact.get(node.id);
      const pair = (isKnown: boolean, gpu: TensorData | undefined, cpu: TensorData | undefined): string[] => {
        const digits = gpu?.shape.length ? [5, 6] : [9, 12];
        return isKnown ? [show(gpu, digits[0]!, LISTED), show(cpu, digits[1]!, LISTED)] : ['', ''];
      };
      const values = pair(known.values.has(node.id), node.value, own?.value);
      const gradients = pair(known.gradients.has(node.id), node.gradient, own?.gradient);
      row.classList.toggle('now', known.now?.value === node.id || known.now?.gradient === node.id);
      for (const [at, text] of [...values, ...gradients].entries()) put(row.children[at + 1]!, text);
    });
    element('walkBack', HTMLButtonElement).disabled = element('walkFirst', HTMLButtonElement).disabled = count === 0;
    element('walkNext', HTMLButtonElement).disabled = count === steps.length;
    if (count === steps.length) this.#play(false);
  }

  #play(isPlaying: boolean): void {
    clearInterval(this.#timer);
    this.#timer = isPlaying ? setInterval(() => this.#go(Number(this.#at.value) + 1), PACE) : undefined;
    put('walkPlay', isPlaying ? 'Stop' : 'Play');
  }

  #listen(): void {
    const step = (by: number): void => {
      this.#play(false);
      this.#go(Number(this.#at.value) + by);
    };
    element('walkFirst').addEventListener('click', () => step(-Number.MAX_SAFE_INTEGER));
    element('walkBack').addEventListener('click', () => step(-1));
    element('walkNext').addEventListener('click', () => step(1));
    this.#at.addEventListener('input', () => step(0));
    element('walkPlay').addEventListener('click', () => {
      const isDone = this.#at.value === this.#at.max;
      if (isDone) this.#go(0);
      this.#play(this.#timer === undefined);
    });
    element('example').addEventListener('change', () => {
      this.#play(false);
      const chosen = examples[Number(element('example', HTMLSelectElement).value)]!;
      fillForm(chosen);
      this.#explain(chosen);
    });
    const form = element('graphForm', HTMLFormElement);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', () => {
      const described = describe(this.#description);
      if (typeof described === 'string') put('graphError', described);
      else this.#explain(described);
    });
    new ResizeObserver(() => {
      if (!this.#walk || element('backprop').clientWidth === 0) return;
      if (element('backprop').clientWidth < WIDE === this.#upright) return;
      this.#lay();
      this.#go(Number(this.#at.value));
    }).observe(element('backprop'));
  }
}
