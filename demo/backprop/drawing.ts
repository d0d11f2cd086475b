// The graph as SVG, laid out by dagre.
import { Graph, layout } from '@dagrejs/dagre';
import type { ExplainedNode, TensorData } from '../../src/index.browser.js';
import type { Edge, Known, Walk } from './steps.js';
import { formula, show } from './words.js';

const SPACE = 'http://www.w3.org/2000/svg';
/** Sizes where values are numbers, and where they are arrays. */
const NUMBERS = { box: { width: 132, height: 72 }, label: { width: 74, height: 34 } };
const ARRAYS = { box: { width: 104, height: 84 }, label: { width: 46, height: 44 } };
/** Side of a cell of an array. */
const CELL = 9;

/** A new element of SVG with attributes and children. */
export function shape<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>>,
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

interface Parts {
  readonly group: SVGGElement;
  readonly value: SVGGElement;
  readonly gradient: SVGGElement;
}

export class Drawing {
  readonly #svg: SVGSVGElement;
  readonly #walk: Walk;
  readonly #sizes: typeof NUMBERS;
  readonly #nodes = new Map<number, Parts>();
  readonly #edges = new Map<string, SVGGElement>();

  /** `upright`: from the top down, for narrow screens; else from left to right. */
  constructor(svg: SVGSVGElement, walk: Walk, upright: boolean) {
    this.#svg = svg;
    this.#walk = walk;
    this.#sizes = walk.nodes.some(({ value }) => value.shape.length > 0) ? ARRAYS : NUMBERS;
    const graph = new Graph({ multigraph: true });
    graph.setGraph({
      rankdir: upright ? 'TB' : 'LR',
      nodesep: 14,
      ranksep: upright ? 18 : 12,
      marginx: 4,
      marginy: 4,
    });
    for (const { id } of walk.nodes) graph.setNode(String(id), { ...this.#sizes.box });
    for (const { key, input, user } of walk.edges)
      graph.setEdge(String(input), String(user), { ...this.#sizes.label, labelpos: 'c' }, key);
    layout(graph);
    const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.style.maxWidth = `${width}px`;
    svg.style.minWidth = `${Math.round(0.62 * width)}px`;
    const edges = walk.edges.map((edge) =>
      this.#drawEdge(edge, graph.edge(String(edge.input), String(edge.user), edge.key)),
    );
    const nodes = walk.nodes.map((node) =>
      this.#drawNode(node, graph.node(String(node.id)) as Place),
    );
    svg.replaceChildren(...edges, ...nodes);
  }

  /** Shows what is known. */
  update({ values, gradients, edges, now }: Known): void {
    for (const [id, { group, value, gradient }] of this.#nodes) {
      group.classList.toggle('now', now?.value === id || now?.gradient === id);
      value.classList.toggle('known', values.has(id));
      gradient.classList.toggle('known', gradients.has(id));
    }
    for (const [key, group] of this.#edges) {
      group.classList.toggle('known', edges.has(key));
      group.classList.toggle('now', now?.edge === key);
    }
    const last = now?.says ?? 'Nothing is computed yet';
    this.#svg.setAttribute('aria-label', `Graph of ${this.#walk.nodes.length} nodes. ${last}.`);
  }

  #drawNode(node: ExplainedNode, { x, y }: Place): SVGGElement {
    const { box: size } = this.#sizes;
    const [left, top] = [x - size.width / 2, y - size.height / 2];
    const name = this.#walk.labels.get(node.id)!;
    const does = formula(node, this.#walk.labels);
    const title = shape(
      'text',
      { x, y: top + 18, class: 'name' },
      does ? `${name} = ${does}` : name,
    );
    if (`${name}${does}`.length > size.width / 8) {
      title.setAttribute('textLength', String(size.width - 12));
      title.setAttribute('lengthAdjust', 'spacingAndGlyphs');
    }
    // arrays lie beside their gradients, numbers above them
    const isArray = node.value.shape.length > 0;
    const [valueAt, gradientAt] = isArray
      ? [
          { x: x - 24, y: top + 54 },
          { x: x + 24, y: top + 54 },
        ]
      : [
          { x, y: top + 38 },
          { x, y: top + 59 },
        ];
    const value = shape('g', { class: 'value' }, ...figure(node.value, valueAt));
    const gradient = shape('g', { class: 'gradient' }, ...figure(node.gradient, gradientAt));
    const box = shape('rect', { x: left, y: top, ...size, rx: 8 });
    const kind = node.inputs.length === 0 ? 'node leaf' : 'node';
    const group = shape('g', { class: kind }, box, title, value, gradient);
    this.#nodes.set(node.id, { group, value, gradient });
    return group;
  }

  #drawEdge({ key, local, contribution }: Edge, { points, x, y }: Route): SVGGElement {
    const [first, ...rest] = points;
    const line = shape('path', { d: `M${first!.x},${first!.y} ${curve(rest)}`, class: 'line' });
    const tag = shape('g', { class: 'tag' });
    if (contribution) {
      const isScalar = contribution.shape.length === 0;
      const { width, height } = this.#sizes.label;
      tag.append(shape('rect', { x: x - width / 2, y: y - height / 2, width, height, rx: 6 }));
      if (isScalar)
        tag.append(shape('text', { x, y: y - 3, class: 'local' }, `× ${show(local, 3)}`));
      tag.append(...figure(contribution, { x, y: isScalar ? y + 12 : y + 4 }));
    }
    const group = shape('g', { class: 'edge' }, line, tag);
    this.#edges.set(key, group);
    return group;
  }
}

interface Place {
  readonly x: number;
  readonly y: number;
}
type Route = Place & { readonly points: readonly Place[] };

/** Through the points, round at each. */
function curve(points: readonly Place[]): string {
  const parts = points.slice(0, -1).map((point, i) => {
    const next = points[i + 1]!;
    const isLast = i === points.length - 2;
    const to = isLast ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    return `Q${point.x},${point.y} ${to.x},${to.y}`;
  });
  return parts.join(' ');
}

/** A number as text, an array as cells coloured by sign and size. */
function figure(data: TensorData | undefined, { x, y }: Place): Node[] {
  if (!data) return [];
  if (data.shape.length === 0) return [shape('text', { x, y, class: 'number' }, show(data, 4))];
  const columns = data.shape.at(-1)!;
  const rows = data.data.length / columns;
  const most = Math.max(1e-12, ...Array.from(data.data, Math.abs));
  return Array.from(data.data, (value: number, i: number) => {
    const share = Math.round((100 * Math.abs(value)) / most);
    const fill = `color-mix(in srgb, var(${value < 0 ? '--zero' : '--one'}) ${share}%, var(--paper))`;
    const at = {
      x: x + ((i % columns) - columns / 2) * CELL,
      y: y - 4 + (Math.floor(i / columns) - rows / 2) * CELL,
    };
    return shape('rect', {
      ...at,
      width: CELL - 1,
      height: CELL - 1,
      class: 'cell',
      style: `fill: ${fill}`,
    });
  });
}
