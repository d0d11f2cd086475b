// A fully connected network as layers of neurons: z and a forwards, δ = ∂f/∂z and ∂f/∂w backwards.
import type { ExplainedNode, TensorData } from '../../src/index.browser.js';
import { shape } from './drawing.js';
import type { Known, Walk } from './steps.js';
import { number, show } from './words.js';

const RADIUS = 29;
/** Distances between neurons of a layer and between layers: on wide screens, on narrow ones. */
const WIDE = { neurons: 112, layers: 190 };
const NARROW = { neurons: 84, layers: 136 };
/** More neurons than this in a layer are drawn as a graph of arrays. */
const MOST = 6;

interface Layer {
  readonly W: ExplainedNode;
  readonly z: ExplainedNode;
  readonly a: ExplainedNode;
  /** Values that have no place of their own: W·a and the bias. */
  readonly others: readonly ExplainedNode[];
}
interface Network {
  readonly x: ExplainedNode;
  readonly layers: readonly Layer[];
  /** The error of each output, and what it is made to be. */
  readonly e: ExplainedNode | undefined;
  readonly y: ExplainedNode | undefined;
  readonly f: ExplainedNode;
}

/** The network that a graph is, by its names x, W1, z1, a1, W2, …, e, y; undefined where it is none. */
export function networkOf({ nodes, labels }: Walk): Network | undefined {
  const named = new Map(nodes.map((node) => [labels.get(node.id), node]));
  const column = (
    node: ExplainedNode | undefined,
    size: number | undefined,
  ): node is ExplainedNode => node?.value.shape.join() === `${size},1`;
  const x = named.get('x');
  let width = x?.value.shape[0] ?? 0;
  if (!column(x, width) || width > MOST) return undefined;
  const layers: Layer[] = [];
  for (let l = 1; ; l++) {
    const [W, z, a, u, b] = ['W', 'z', 'a', 'u', 'b'].map((letter) => named.get(`${letter}${l}`));
    const size = W?.value.shape[0] ?? 0;
    if (
      !W ||
      W.value.shape.join() !== `${size},${width}` ||
      size > MOST ||
      !column(z, size) ||
      !column(a, size)
    )
      break;
    layers.push({ W, z, a, others: [u, b].filter((node) => node !== undefined) });
    width = size;
  }
  const [e, y] = [named.get('e'), named.get('y')];
  if (layers.length === 0) return undefined;
  const shown = (node: ExplainedNode | undefined): ExplainedNode | undefined =>
    column(node, width) ? node : undefined;
  return { x, layers, e: shown(e), y: shown(y), f: nodes.at(-1)! };
}

interface Place {
  readonly x: number;
  readonly y: number;
}
interface Parts {
  readonly value: Element[];
  readonly gradient: Element[];
  /** What is marked while the node is computed. */
  readonly marked: Element[];
}

const item = (data: TensorData | undefined, at: number): string =>
  data ? number(data.data[at] as number, 3) : '–';

export class NetworkDrawing {
  readonly #svg: SVGSVGElement;
  readonly #network: Network;
  readonly #distances: typeof WIDE;
  readonly #parts = new Map<number, Parts>();

  /** `upright`: from the top down, for narrow screens; else from left to right. */
  constructor(svg: SVGSVGElement, network: Network, upright: boolean) {
    this.#svg = svg;
    this.#network = network;
    this.#distances = upright ? NARROW : WIDE;
    const { x, layers, e, f } = network;
    const sizes = [x, ...layers.map(({ a }) => a)].map(({ value }) => value.shape[0]!);
    const columns = sizes.length + (e ? 2 : 1);
    const { neurons, layers: between } = this.#distances;
    const [across, along] = [
      Math.max(...sizes) * neurons,
      (columns - 1) * between + 2 * RADIUS + 40,
    ];
    const [width, height] = upright ? [across, along] : [along, across];
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.style.maxWidth = `${width}px`;
    svg.style.minWidth = '';
    const place = (column: number, i: number, of: number): Place => {
      const [first, second] = [
        20 + RADIUS + column * between,
        across / 2 + (i - (of - 1) / 2) * neurons,
      ];
      return upright ? { x: second, y: first } : { x: first, y: second };
    };
    const drawn: Element[] = [];
    layers.forEach((layer, l) => {
      drawn.push(
        ...this.#links(
          layer,
          (i) => place(l + 1, i, sizes[l + 1]!),
          (j) => place(l, j, sizes[l]!),
        ),
      );
    });
    const outputs = sizes.at(-1)!;
    const end = place(columns - 1, 0, 1);
    for (let i = 0; i < outputs; i++)
      drawn.push(
        line(
          place(sizes.length - 1, i, outputs),
          e ? place(sizes.length, i, outputs) : end,
          'plain',
        ),
      );
    if (e)
      for (let i = 0; i < outputs; i++)
        drawn.push(line(place(sizes.length, i, outputs), end, 'plain'));
    for (let i = 0; i < sizes[0]!; i++)
      drawn.push(this.#neuron(place(0, i, sizes[0]!), i, `x`, x, x));
    for (const [l, { z, a, others }] of layers.entries())
      for (let i = 0; i < sizes[l + 1]!; i++) {
        const circle = this.#neuron(place(l + 1, i, sizes[l + 1]!), i, 'a', a, z, z);
        for (const node of others) this.#of(node).marked.push(circle);
        drawn.push(circle);
      }
    if (e)
      for (let i = 0; i < outputs; i++)
        drawn.push(this.#neuron(place(sizes.length, i, outputs), i, 'e', e, undefined, network.y));
    drawn.push(this.#neuron(end, 0, 'f', f, undefined));
    svg.replaceChildren(...drawn);
  }

  /** Shows what is known. */
  update({ values, gradients, now }: Known): void {
    for (const [id, { value, gradient, marked }] of this.#parts) {
      for (const part of value) part.classList.toggle('known', values.has(id));
      for (const part of gradient) part.classList.toggle('known', gradients.has(id));
      for (const part of marked) part.classList.remove('now');
    }
    const at = this.#parts.get(now?.gradient ?? now?.value ?? -1);
    for (const part of at?.marked ?? []) part.classList.add('now');
    const sizes = [this.#network.x, ...this.#network.layers.map(({ a }) => a)].map(
      ({ value }) => value.shape[0],
    );
    this.#svg.setAttribute(
      'aria-label',
      `Network of ${sizes.join(', ')} neurons. ${now?.says ?? 'Nothing is computed yet'}.`,
    );
  }

  #of({ id }: ExplainedNode): Parts {
    const parts = this.#parts.get(id) ?? { value: [], gradient: [], marked: [] };
    this.#parts.set(id, parts);
    return parts;
  }

  /** A circle with a value inside; above it what leads there, below it what flows back. */
  #neuron(
    { x, y }: Place,
    i: number,
    letter: string,
    inside: ExplainedNode,
    back: ExplainedNode | undefined,
    above?: ExplainedNode,
  ): SVGGElement {
    const isScalar = inside.value.shape.length === 0;
    const name = isScalar ? letter : `${letter}${'₁₂₃₄₅₆'[i]}`;
    const value = shape(
      'text',
      { x, y: y + 13, class: 'value number' },
      isScalar ? show(inside.value, 3) : item(inside.value, i),
    );
    this.#of(inside).value.push(value);
    const label = shape('text', { x, y: y - 5, class: 'name' }, name);
    const group = shape(
      'g',
      { class: 'neuron' },
      shape('circle', { cx: x, cy: y, r: RADIUS }),
      label,
      value,
    );
    this.#of(inside).marked.push(group);
    if (above) {
      const word = above === this.#network.y ? 'y' : 'z';
      const text = shape(
        'text',
        { x, y: y - RADIUS - 6, class: 'value above' },
        `${word} ${item(above.value, i)}`,
      );
      this.#of(above).value.push(text);
      this.#of(above).marked.push(group);
      group.append(text);
    }
    if (back) {
      const word = back === inside ? '∂' : 'δ';
      const text = shape(
        'text',
        { x, y: y + RADIUS + 15, class: 'gradient number' },
        `${word} ${item(back.gradient, i)}`,
      );
      this.#of(back).gradient.push(text);
      group.append(text);
    }
    return group;
  }

  /** Lines for the weights: as wide as they are large; then for their gradients. */
  #links({ W }: Layer, to: (i: number) => Place, from: (j: number) => Place): SVGGElement[] {
    const inputs = W.value.shape[1]!;
    const drawn = [W.value, W.gradient].map((data, which) => {
      const most = Math.max(1e-12, ...Array.from(data?.data ?? [], Math.abs));
      const lines = Array.from(data?.data ?? [], (weight: number, at: number) => {
        const [i, j] = [Math.floor(at / inputs), at % inputs];
        const made = line(from(j), to(i), weight < 0 ? 'below' : 'over');
        made.setAttribute('stroke-width', String(1 + (5 * Math.abs(weight)) / most));
        made.append(shape('title', {}, `${which ? '∂f/∂w' : 'w'} = ${number(weight, 4)}`));
        return made;
      });
      return shape('g', { class: which ? 'weights gradient' : 'weights value' }, ...lines);
    });
    const [value, gradient] = drawn as [SVGGElement, SVGGElement];
    this.#of(W).value.push(value);
    this.#of(W).gradient.push(gradient);
    this.#of(W).marked.push(value, gradient);
    return [gradient, value]; // the style sheet lets weights go where gradients come
  }
}

const line = (from: Place, to: Place, kind: string): SVGLineElement =>
  shape('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: kind });
