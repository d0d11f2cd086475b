// `nabla explain`: prints the values and derivatives of an expression from a JSON file, step by step.
import { type ExplainedNode, explain, toMermaid } from '../../check/explain.js';
import type { TensorData, Value } from '../../core/dtype.js';
import { NablaError } from '../../core/errors.js';
import { readValue } from '../../core/readValue.js';
import { formatShape } from '../../core/shape.js';
import { CpuBackend } from '../../cpu/backend.js';
import { Engine } from '../../engine/engine.js';
import { Tensor } from '../../graph/tensor.js';
import { parameter } from '../../ops/leaf.js';
import { loadFile, withFile } from '../files.js';
import { parseExpression } from './expression.js';
import { table } from './text.js';

/** What a file holds. */
interface Description {
  readonly title?: string;
  /** Numbers or nested arrays by name. */
  readonly inputs: Readonly<Record<string, Value>>;
  /** Named steps on the way, each over inputs and steps before it. */
  readonly let?: Readonly<Record<string, string>>;
  readonly f: string;
  /** Inputs or steps to differentiate by; all inputs unless given. */
  readonly wrt?: readonly string[];
}

/** The expression's graph, with inputs and steps by name. */
interface Graph {
  readonly names: Map<string, Tensor>;
  readonly y: Tensor;
}

/** Builds the graph of a description. Inputs are parameters, whose values the CPU engine does not round. */
function build({ inputs, let: steps = {}, f }: Description): Graph {
  const names = new Map<string, Tensor>();
  const addStep = (name: string, text: string): Tensor => {
    const taken = Object.hasOwn(inputs, name) ? 'an input' : 'a step';
    if (names.has(name)) throw new NablaError(`'${name}' is ${taken} already; rename it`);
    const node = withName(parseExpression(text, names), name);
    names.set(name, node);
    return node;
  };
  for (const [name, given] of Object.entries(inputs)) {
    const value = readValue(`inputs: ${name}`, given, { dtype: 'f32' });
    names.set(name, parameter(value, { name }));
  }
  for (const [name, text] of Object.entries(steps)) addStep(name, text);
  return { names, y: addStep('f', f) };
}

/** The node under a name; inputs, and nodes that have one, keep theirs. */
function withName(node: Tensor, name: string): Tensor {
  const { op, inputs, options, shape, dtype } = node;
  if (node.name !== undefined || inputs.length === 0) return node;
  return new Tensor(op, inputs, options, shape, dtype, name);
}

/** A value as text: "0.5", "[2, 3] 1 2 3 4 …". */
function show(value: TensorData | undefined): string {
  if (!value) return '–';
  const { shape, data } = value;
  const first = Array.from(data.slice(0, 4), (each) => Number(each.toPrecision(12)));
  const more = data.length > 4 ? ' …' : '';
  const shown = `${first.join(' ')}${more}`;
  return shape.length === 0 ? shown : `${formatShape(shape)} ${shown}`;
}

/** Columns of cells as rows, with empty cells below the shorter ones. */
function rowsOf(columns: readonly (readonly string[])[]): string[][] {
  const height = Math.max(...columns.map(({ length }) => length));
  return Array.from({ length: height }, (_, i) => columns.map((column) => column[i] ?? ''));
}

/** A table with one row or more for each node: local and incoming gradients stand below each other. */
function explanationTable(nodes: readonly ExplainedNode[]): string {
  const labels = new Map<number, string>();
  for (const [i, { id, op, name, value }] of nodes.entries())
    labels.set(id, op === 'full' ? show(value) : (name ?? `#${i}`));
  const labelOf = (id: number): string => labels.get(id)!;
  const rows = nodes.flatMap((node) => {
    if (node.op === 'full') return [];
    const inputs = node.inputs.map(labelOf);
    const call = inputs.length ? `${node.op}(${inputs.join(', ')})` : 'input';
    const local = inputs.flatMap((label, i) => {
      const gradient = node.local[i];
      return gradient ? `∂/∂${label} = ${show(gradient)}` : [];
    });
    const incoming = node.incoming.map(
      ({ from, value }) => `from ${labelOf(from)}: ${show(value)}`,
    );
    const heads = [labelOf(node.id), call, show(node.value)].map((cell) => [cell]);
    return rowsOf([...heads, local, incoming, [show(node.gradient)]]);
  });
  return table([['node', 'op', 'value', 'local', 'incoming', 'sum'], ...rows]);
}

/** The table of a file's expression as text, or with `mermaid` its graph. */
export const explainFile = (file: string, mermaid = false): Promise<string> =>
  withFile(file, async () => {
    const text = new TextDecoder().decode(await loadFile(file));
    const description: Description = Object(JSON.parse(text));
    const { inputs, f } = description;
    if (typeof inputs !== 'object' || !inputs || typeof f !== 'string')
      throw new NablaError(
        'it needs "inputs": { name: value } and "f": text; "let": { name: text } may be',
      );
    const { names, y } = build(description);
    if (y.op.name === 'full')
      throw new NablaError(`f: '${f}' is a number; name an input or a step in it`);
    if (mermaid) return toMermaid(y);
    const wrt = (description.wrt ?? Object.keys(inputs)).map((name) => {
      const node = names.get(name);
      if (node) return node;
      throw new NablaError(`wrt: '${name}' is neither an input nor a step`);
    });
    await using engine = new Engine(new CpuBackend());
    // numbers that f32 would round keep all their digits
    for (const [name, value] of Object.entries(inputs)) {
      const leaf = names.get(name);
      if (!leaf || typeof value !== 'number') continue;
      await engine.write(leaf, { shape: [], dtype: 'f64', data: Float64Array.of(value) });
    }
    const { mode, nodes } = await explain(engine, y, wrt);
    return `${description.title ?? f} (${mode} mode)\n\n${explanationTable(nodes)}`;
  });
