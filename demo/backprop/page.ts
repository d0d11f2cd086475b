// Backpropagation's part of the page: an example, its steps, and their numbers.
import type { TensorData } from '../../src/index.browser.js';
import fork from '../examples/seed000-section3.json' with { type: 'json' };
import network from '../examples/seed001-network.json' with { type: 'json' };
import fanout from '../examples/seed002-fanout.json' with { type: 'json' };
import regression from '../examples/seed002-regression.json' with { type: 'json' };
import chain from '../examples/seed003-section8.json' with { type: 'json' };
import lazy from '../examples/seed003-section13.json' with { type: 'json' };
import type { Channel, Link } from '../link.js';
import type { PartPage } from '../part.js';
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

/**
 * Whether there is a graph to step through: it is the one that the form describes, or there is none. `computing`: it is on
 * its way; `refused`: the form describes none; `failed`: this part alone broke; `broken`: the worker is gone.
 */
type Phase = 'computing' | 'shown' | 'refused' | 'failed' | 'broken';

const SAYS: Readonly<Record<Exclude<Phase, 'shown'>, string>> = {
  computing: 'Computing every number of this graph…',
  refused: 'There is no graph to step through: mend what stands below.',
  failed: 'There is no graph to step through.',
  broken: 'Stopped.',
};

export class BackpropPage implements PartPage {
  readonly #link: Link;
  readonly #channel: Channel<'backprop'>;
  readonly #at: HTMLInputElement;
  readonly #svg: SVGSVGElement;
  readonly #retry: HTMLButtonElement;
  #description: Description = examples[0]!;
  #phase: Phase = 'computing';
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
    this.#retry = element('graphRetry', HTMLButtonElement);
    const own = make('option', { value: 'own', hidden: '' }, 'Changed by you');
    element('example').append(
      ...examples.map(({ title = '' }, i) => make('option', { value: String(i) }, title)),
      own,
    );
    void makeQuiz(element('backpropQuiz'), 'Do you see it?', questions);
    this.#channel = link.channel('backprop', {
      receive: (message) => void this.#receive(message),
      failed: (message) => this.#leave('failed', message),
    });
    this.#listen();
    fillForm(this.#description);
    this.#leave('computing');
  }

  reopen(): void {
    this.#explainForm();
  }

  broken(): void {
    this.#leave('broken');
  }

  show(isVisible: boolean): void {
    if (!isVisible) this.#play(false);
  }

  /** The graph in view is not what the form describes any more: nobody steps through it. */
  #leave(phase: Exclude<Phase, 'shown'>, error = ''): void {
    this.#play(false);
    this.#reply = this.#walk = this.#drawing = undefined;
    this.#svg.setAttribute('aria-label', SAYS[phase]);
    for (const box of this.#boxes()) box.style.minHeight = `${box.offsetHeight}px`;
    this.#svg.replaceChildren();
    element('numbers').replaceChildren();
    put('says', SAYS[phase]);
    put('graphError', error);
    this.#enter(phase);
  }

  /** What holds the graph and its numbers: without them it keeps its place, so that nothing on the page moves. */
  #boxes(): HTMLElement[] {
    return ['graphCanvas', 'numbersBox'].map((id) => element(id));
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    const isShown = phase === 'shown';
    element('backprop').setAttribute('aria-busy', String(phase === 'computing'));
    element('graphProgress').hidden = phase !== 'computing';
    this.#retry.hidden = phase !== 'failed';
    for (const button of ['walkFirst', 'walkBack', 'walkNext', 'walkPlay'])
      element(button, HTMLButtonElement).disabled = !isShown;
    this.#at.disabled = !isShown;
  }

  #explain(description: Description): void {
    this.#description = description;
    // taken along when the page starts again
    if (!this.#link.isOpen) return;
    this.#leave('computing');
    this.#channel.open({ type: 'explain', description });
  }

  #explainForm(): void {
    const described = describe(this.#description);
    if (typeof described !== 'string') {
      this.#explain(described);
      return;
    }
    this.#channel.begin(); // the graph before is not wanted any more
    if (this.#link.isOpen) this.#leave('refused', described);
  }

  async #receive(reply: BackpropReply): Promise<void> {
    if (reply.type === 'refused') {
      this.#leave('refused', reply.message);
      return;
    }
    this.#reply = reply;
    this.#walk = walkOf(reply.gpu ?? reply.exact);
    this.#at.max = String(this.#walk.steps.length);
    put('graphEngine', reply.gpu ? 'the GPU' : 'the CPU');
    await nextTask();
    if (reply !== this.#reply) return;
    this.#lay();
    await nextTask();
    if (reply !== this.#reply) return;
    this.#fillTable();
    for (const box of this.#boxes()) box.style.minHeight = '';
    this.#enter('shown');
    this.#go(0);
  }

  #lay(): void {
    if (!this.#walk) return;
    this.#upright = element('backprop').clientWidth < WIDE;
    const network = networkOf(this.#walk);
    this.#drawing = network
      ? new NetworkDrawing(this.#svg, network, this.#upright)
      : new Drawing(this.#svg, this.#walk, this.#upright);
    const lines =
      'lines: weights, then ∂f/∂weight; orange above zero, blue below, wide where large';
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
        return make(
          'tr',
          { 'data-name': labels.get(node.id)! },
          head,
          ...['', '', '', ''].map(() => make('td')),
        );
      }),
    );
  }

  #go(to: number): void {
    if (!this.#walk || this.#phase !== 'shown') return;
    const { steps, nodes } = this.#walk;
    const count = Math.max(0, Math.min(steps.length, to));
    this.#at.value = String(count);
    const known = knownAfter(steps, count);
    this.#drawing?.update(known);
    put(
      'says',
      known.now?.says ??
        'Values first: press Next, and each node computes its own from its inputs.',
    );
    const exact = new Map(this.#reply?.exact.nodes.map((node) => [node.id, node]));
    nodes.forEach((node, i) => {
      const row = element('numbers').children[i]!;
      const own = exact.get(node.id);
      const pair = (
        isKnown: boolean,
        gpu: TensorData | undefined,
        cpu: TensorData | undefined,
      ): string[] => {
        const digits = gpu?.shape.length ? [5, 6] : [9, 12];
        return isKnown ? [show(gpu, digits[0]!, LISTED), show(cpu, digits[1]!, LISTED)] : ['', ''];
      };
      const values = pair(known.values.has(node.id), node.value, own?.value);
      const gradients = pair(known.gradients.has(node.id), node.gradient, own?.gradient);
      row.classList.toggle('now', known.now?.value === node.id || known.now?.gradient === node.id);
      for (const [at, text] of [...values, ...gradients].entries())
        put(row.children[at + 1]!, text);
    });
    element('walkBack', HTMLButtonElement).disabled = element(
      'walkFirst',
      HTMLButtonElement,
    ).disabled = count === 0;
    element('walkNext', HTMLButtonElement).disabled = count === steps.length;
    if (count === steps.length) this.#play(false);
  }

  #play(isPlaying: boolean): void {
    clearInterval(this.#timer);
    this.#timer = isPlaying
      ? setInterval(() => this.#go(Number(this.#at.value) + 1), PACE)
      : undefined;
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
      const chosen = examples[Number(element('example', HTMLSelectElement).value)]!;
      fillForm(chosen);
      this.#explain(chosen);
    });
    this.#retry.addEventListener('click', () => this.#explainForm());
    const form = element('graphForm', HTMLFormElement);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', () => {
      element('example', HTMLSelectElement).value = 'own';
      this.#explainForm();
    });
    new ResizeObserver(() => {
      if (!this.#walk || element('backprop').clientWidth === 0) return;
      if (element('backprop').clientWidth < WIDE === this.#upright) return;
      this.#lay();
      this.#go(Number(this.#at.value));
    }).observe(element('backprop'));
  }
}
