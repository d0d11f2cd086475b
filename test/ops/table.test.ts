// No op without its rules, and none without an entry in the table that the generated tests use.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { grad } from '../../src/autodiff/reverse.js';
import { isFloat } from '../../src/dtype.js';
import type { ComposedKernel, Op } from '../../src/graph/op.js';
import { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { ones } from '../../src/ops/leaf.js';
import { table } from '../support/ops.js';
import { instantiate, seed } from '../support/property.js';

const folder = fileURLToPath(new URL('../../src/ops', import.meta.url));
const files = readdirSync(folder);

/** What files of src/ops export beside ops: shared by rules, kernels and engines. */
const helpers = [
  'WINDOW_SETTINGS',
  'activations',
  'axesOf',
  'checkParameter',
  'checkRange',
  'countRuns',
  'describe',
  'drawsFresh',
  'erf',
  'input',
]
  .concat([
    'inputOp',
    'inside',
    'matmulSizes',
    'misfit',
    'multiply',
    'numberAt',
    'numberDraws',
    'parameter',
    'parameterOp',
    'ranges',
    'runCount',
    'runSeed',
  ])
  .concat(['startsOf', 'sumTo', 'tensor', 'unitRows']);

/** Records of a graph, of its derivatives, and of what composed ones are written in. */
function recordsOf(roots: readonly Tensor[]): Set<Op> {
  const found = new Set<Op>();
  for (const node of topological(roots)) {
    found.add(node.op);
    if (node.op.kernel.kind === 'composed')
      for (const op of recordsOf([(node.op.kernel as ComposedKernel).compose(node.inputs, node.options)]))
        found.add(op);
  }
  return found;
}

function graphsOf(entry: (typeof table)[number]): Tensor[] {
  return fc.sample(entry.samples(12), { numRuns: 12, seed }).flatMap((sample) => {
    const { y, inputs } = instantiate(sample);
    const xs = inputs.filter(({ dtype }) => isFloat(dtype));
    if (!entry.differentiable || !isFloat(y.dtype)) return [y];
    const first = grad(y, xs, { cotangent: ones(y.shape) });
    const second = first.flatMap((g) => grad(g, xs, { cotangent: ones(g.shape) }));
    return [
      y,
      ...first,
      ...second,
      jvp(
        y,
        xs,
        xs.map((x) => ones(x.shape)),
      ),
    ];
  });
}

const graphs = table.flatMap(graphsOf);
const records = [...recordsOf(graphs)];
const roots = new Set(graphs.map(({ op }) => op.name));

describe('the table of ops', () => {
  it(`reaches ${records.length} records, each with vjp, kernel, and a reference and bound of its own or of its parts`, () => {
    const lacking = records.filter(({ reference, vjp, bound, kernel }) =>
      kernel.kind === 'composed' ? !vjp : !reference || !vjp || !bound || !kernel,
    );
    expect(lacking.map(({ name }) => name)).toEqual([]);
    expect(records.length).toBeGreaterThan(60);
  });

  it('reaches every record that src/ops names', () => {
    const pattern =
      /(?:^ +name: |\b(?:leafRecord|definePointwise|defineNumeric|defineResize|choice|comparison|scaledGap|extremum|generator)\()'(\w+)'/gm;
    const named = files.flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(pattern)].map((m) => m[1]!),
    );
    const known = new Set([...records.map(({ name }) => name), 'constant', 'input', 'parameter']);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(60);
  });

  it('has an entry whose output each record is', () => {
    const leaves = ['constant', 'input', 'parameter'];
    expect(records.map(({ name }) => name).filter((name) => !roots.has(name) && !leaves.includes(name))).toEqual([]);
  });

  it('has an entry for each function that src/ops exports', async () => {
    const modules = await Promise.all(
      files.map((file) => import(join(folder, file)) as Promise<Record<string, unknown>>),
    );
    const exported = modules.flatMap((module) => Object.keys(module));
    const entries = new Set(table.map(({ name }) => name));
    expect(exported.filter((name) => !entries.has(name) && !helpers.includes(name))).toEqual([]);
    expect(helpers.filter((name) => !exported.includes(name))).toEqual([]);
  });

  it('builds tensors alone', () => {
    expect(graphs.every((node) => node instanceof Tensor)).toBe(true);
  });
});
