// The pass through a graph, step by step: values forwards, then gradients backwards along each edge, added at forks.
import type { ExplainedNode, Explanation, TensorData } from '../../src/index.browser.js';
import { formula, isNumber, labelsOf, show } from './words.js';

/** An edge of the graph: the input `slot` of a node. */
export interface Edge {
  readonly key: string;
  readonly input: number;
  readonly user: number;
  /** ∂user/∂input; undefined off the way of the gradients, or too large to show. */
  readonly local: TensorData | undefined;
  /** What flows back over it. */
  readonly contribution: TensorData | undefined;
}

export interface Step {
  readonly says: string;
  /** What the step makes known. */
  readonly value?: number;
  readonly gradient?: number;
  readonly edge?: string;
}

export interface Walk {
  readonly nodes: readonly ExplainedNode[];
  readonly edges: readonly Edge[];
  readonly labels: ReadonlyMap<number, string>;
  readonly steps: readonly Step[];
}

/** Nodes that are drawn, edges between them, and the steps. */
export function walkOf({ nodes: all }: Explanation): Walk {
  const labels = labelsOf(all);
  const nodes = all.filter((node) => !isNumber(node));
  const drawn = new Set(nodes.map(({ id }) => id));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const edges = nodes.flatMap((user) =>
    user.inputs.flatMap((input, slot): Edge[] => {
      if (!drawn.has(input)) return [];
      // an input that is used twice by one node gets one contribution a slot
      const turn = user.inputs.slice(0, slot).filter((id) => id === input).length;
      const arrived = byId.get(input)!.incoming.filter(({ from }) => from === user.id);
      const key = `${user.id}-${slot}`;
      return [
        { key, input, user: user.id, local: user.local[slot], contribution: arrived[turn]?.value },
      ];
    }),
  );
  return {
    nodes,
    edges,
    labels,
    steps: [...forward(nodes, labels), ...backward(nodes, edges, labels)],
  };
}

type Labels = ReadonlyMap<number, string>;

function forward(nodes: readonly ExplainedNode[], labels: Labels): Step[] {
  return nodes.map((node) => {
    const name = labels.get(node.id)!;
    const from = formula(node, labels);
    return { says: `${name} ${from && `= ${from} `}= ${show(node.value, 6)}`, value: node.id };
  });
}

function backward(nodes: readonly ExplainedNode[], edges: readonly Edge[], labels: Labels): Step[] {
  return nodes.toReversed().flatMap((node, i): Step[] => {
    if (!node.gradient) return [];
    const name = labels.get(node.id)!;
    const outcome = show(node.gradient, 6);
    const terms = node.incoming.map(({ value }) => show(value, 6));
    const collected: Step[] =
      i === 0
        ? [{ says: `Backwards from ∂f/∂f = ${outcome}`, gradient: node.id }]
        : terms.length > 1
          ? [
              {
                says: `${name} forks: what arrives adds up, ${terms.join(' + ')} = ${outcome}`,
                gradient: node.id,
              },
            ]
          : [];
    const passed = edges.filter(({ user, contribution }) => user === node.id && contribution);
    return [...collected, ...passed.map((edge) => passBack(edge, nodes, outcome, labels))];
  });
}

/** One contribution over one edge; it is the whole gradient where nothing else arrives. */
function passBack(
  edge: Edge,
  nodes: readonly ExplainedNode[],
  arriving: string,
  labels: Labels,
): Step {
  const [user, input] = [labels.get(edge.user)!, labels.get(edge.input)!];
  const target = nodes.find(({ id }) => id === edge.input)!;
  const result = show(edge.contribution, 6);
  const isScalar = edge.local?.shape.length === 0 && edge.contribution?.shape.length === 0;
  const says = isScalar
    ? `${user} → ${input}: local gradient ∂${user}/∂${input} = ${show(edge.local, 6)}, times ${arriving}, gives ${result}`
    : `${user} → ${input}: the local gradient turns ∂f/∂${user} = ${arriving} into ${result}`;
  return { says, edge: edge.key, ...(target.incoming.length === 1 && { gradient: edge.input }) };
}

/** What is known after so many steps. */
export function knownAfter(steps: readonly Step[], count: number) {
  const done = steps.slice(0, count);
  return {
    values: new Set(done.map(({ value }) => value)),
    gradients: new Set(done.map(({ gradient }) => gradient)),
    edges: new Set(done.map(({ edge }) => edge)),
    now: done.at(-1),
  };
}
export type Known = ReturnType<typeof knownAfter>;
