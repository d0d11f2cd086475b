// Numbers and formulas for people.
import type { ExplainedNode, TensorData } from '../../src/index.browser.js';

/** Numbers of an array that a sentence names. */
const SHOWN = 4;

const minus = (text: string): string => text.replace(/-/g, '−');

export const number = (value: number, digits: number): string =>
  minus(String(Number(value.toPrecision(digits))));

/** A value, or the first few of many. */
export function show(data: TensorData | undefined, digits: number, most = SHOWN): string {
  if (!data) return '–';
  const values = Array.from(data.data.slice(0, most), (value: number) => number(value, digits));
  if (data.shape.length === 0) return values[0]!;
  return `[${values.join(', ')}${data.data.length > most ? ', …' : ''}]`;
}

const signs: Readonly<Record<string, string>> = {
  add: '+',
  sub: '−',
  mul: '×',
  div: '÷',
  pow: '^',
  matmul: '·',
};
const calls: Readonly<Record<string, string>> = {
  sigmoid: 'σ',
  maximum: 'max',
  minimum: 'min',
  sum: 'Σ',
  neg: '−',
};

/** Whether a node is a number that stands in an expression. */
export const isNumber = ({ op, inputs }: ExplainedNode): boolean =>
  op === 'full' && inputs.length === 0;

/** Names for all nodes: their own, the number that they are, or one in order. */
export function labelsOf(nodes: readonly ExplainedNode[]): Map<number, string> {
  let unnamed = 0;
  return new Map(
    nodes.map((node) => {
      const label = isNumber(node)
        ? show(node.value, 6)
        : (node.name ?? `t${subscript(++unnamed)}`);
      return [node.id, label];
    }),
  );
}

const subscript = (value: number): string =>
  String(value).replace(/\d/g, (digit) => '₀₁₂₃₄₅₆₇₈₉'[Number(digit)]!);

/** What a node computes from its inputs; empty for an input of the graph. */
export function formula(
  { op, inputs }: ExplainedNode,
  labels: ReadonlyMap<number, string>,
): string {
  const [first, second] = inputs.map((id) => labels.get(id)!);
  if (first === undefined) return '';
  if (op === 'square') return `${first}²`;
  if (second !== undefined && signs[op]) return `${first} ${signs[op]} ${second}`;
  return `${calls[op] ?? op}(${inputs.map((id) => labels.get(id)!).join(', ')})`;
}
