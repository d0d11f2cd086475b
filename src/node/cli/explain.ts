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

/** The graph of a description, its inputs and steps by name. Inputs are parameters, which the CPU keeps as they are written. */
function build({ inputs, let: steps = {}, f }: Description): Map<string, Tensor> {
  const names = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(inputs))
    names.set(name, parameter(readValue(`inputs: ${name}`, value, { dtype: 'f32' }), { name }));
  for (const [name, text] of [...Object.entries(steps), ['f', f] as const]) {
    const taken = Object.hasOwn(inputs, name) ? 'an input' : 'a step';
    if (names.has(name)) throw new NablaError(`'${name}' is ${taken} already; rename it`);
    const node = parseExpression(text, names);
    const named = node.name === undefined && node.inputs.length > 0;
    names.set(
      name,
      named ? new Tensor(node.op, node.inputs, node.options, node.shape, node.dtype, name) : node,
    );
  }
  return names;
}

function show(data: TensorData | undefined): string {
  if (!data) return '–';
  const values = Array.from(data.data.slice(0, 4), (value) => Number(value.toPrecision(12))).join(
    ' ',
  );
  return data.shape.length === 0
    ? values
    : `${formatShape(data.shape)} ${values}${data.data.length > 4 ? ' …' : ''}`;
}

/** One row or more for each node: local gradients and what arrives stand below each other. */
function explanationTable(nodes: readonly ExplainedNode[]): string {
  const labels = new Map(
    nodes.map(({ id, op, name, value }, i) => [
      id,
      op === 'full' ? show(value) : (name ?? `#${i}`),
    ]),
  );
  const rows = nodes.flatMap((node) => {
    if (node.op === 'full') return [];
    const inputs = node.inputs.map((id) => labels.get(id)!);
    const call = inputs.length ? `${node.op}(${inputs.join(', ')})` : 'input';
    const local = inputs.flatMap((label, i) =>
      node.local[i] ? `∂/∂${label} = ${show(node.local[i])}` : [],
    );
    const incoming = node.incoming.map(
      ({ from, value }) => `from ${labels.get(from)}: ${show(value)}`,
    );
    const columns = [
      [labels.get(node.id)!],
      [call],
      [show(node.value)],
      local,
      incoming,
      [show(node.gradient)],
    ];
    const height = Math.max(...columns.map(({ length }) => length));
    return Array.from({ length: height }, (_, i) => columns.map((column) => column[i] ?? ''));
  });
  return table([['node', 'op', 'value', 'local', 'incoming', 'sum'], ...rows]);
}

/** The table of a file's expression as text, or with `mermaid` its graph. */
export const explainFile = (file: string, mermaid = false): Promise<string> =>
  withFile(file, async () => {
    const description = Object(
      JSON.parse(new TextDecoder().decode(await loadFile(file))),
    ) as Description;
    const { inputs, f } = description;
    if (typeof inputs !== 'object' || !inputs || typeof f !== 'string')
      throw new NablaError(
        'it needs "inputs": { name: value } and "f": text; "let": { name: text } may be',
      );
    const names = build(description);
    const y = names.get('f')!;
    if (y.op.name === 'full')
      throw new NablaError(`f: '${f}' is a number; name an input or a step in it`);
    if (mermaid) return toMermaid(y);
    const wrt = (description.wrt ?? Object.keys(inputs)).map((name) => {
      if (names.has(name)) return names.get(name)!;
      throw new NablaError(`wrt: '${name}' is neither an input nor a step`);
    });
    await using engine = new Engine(new CpuBackend());
    // numbers that f32 would round keep all their digits
    for (const [name, value] of Object.entries(inputs))
      if (typeof value === 'number')
        await engine.write(names.get(name)!, {
          shape: [],
          dtype: 'f64',
          data: Float64Array.of(value),
        });
    const { mode, nodes } = await explain(engine, y, wrt);
    return `${description.title ?? f} (${mode} mode)\n\n${explanationTable(nodes)}`;
  });
