// No op without its rules, and none without an entry in the table that the generated tests use.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/graph/tensor.js';
import { table } from '../support/ops.js';
import { graphsOf, recordsOf } from '../support/records.js';

const folder = fileURLToPath(new URL('../../src/ops', import.meta.url));
const files = readdirSync(folder);

/** What files of src/ops export beside ops: shared by rules, kernels and engines. */
const helpers = [
  'CONVOLUTION_SETTINGS',
  'WINDOW_SETTINGS',
  'activations',
  'areImages',
  'addRows',
  'addedBound',
  'axesOf',
  'checkGroups',
  'checkParameter',
  'checkRange',
  'convolutionOf',
  'countRuns',
  'describe',
  'drawsFresh',
  'erf',
  'forms',
  'input',
  'isCast',
  'oneHotOf',
]
  .concat([
    'inputOp',
    'inside',
    'inverse',
    'isImage',
    'isHalved',
    'laterTensor',
    'matmulOf',
    'matmulSizes',
    'misfit',
    'multiply',
    'numberAt',
    'numberDraws',
    'parameter',
    'parameterOp',
    'phasesOf',
    'planesOf',
    'piecesOf',
    'ranges',
    'resize',
    'roundToHalf',
    'runCount',
    'runSeed',
    'runValue',
  ])
  .concat([
    'shapes',
    'startsOf',
    'sumTo',
    'takenOf',
    'tensor',
    'unitRows',
    'windowAxes',
    'windows',
    'windowsOf',
  ]);

const graphs = table.flatMap((entry) => graphsOf(entry));
const records = [...recordsOf(graphs)];
const roots = new Set(
  graphs.flatMap(({ op, inputs }) => [
    op.name,
    ...inputs.flatMap((x) => (x.outputs ? x.op.name : [])),
  ]),
);

describe('the table of ops', () => {
  it(`reaches ${records.length} records, each with vjp, kernel, and a reference and bound of its own or of its parts`, () => {
    const lacking = records.filter(({ reference, vjp, definition, bound, kernel }) => {
      if (kernel.kind === 'output') return false; // derivatives and bounds pass it by
      if (kernel.kind === 'composed') return !vjp;
      return !(reference || definition) || !(vjp || definition) || !bound || !kernel;
    });
    expect(lacking.map(({ name }) => name)).toEqual([]);
    expect(records.length).toBeGreaterThan(60);
  });

  it('says what each elementwise record costs to compute again', () => {
    const written = records.filter(
      ({ kernel }) => kernel.kind === 'pointwise' || kernel.kind === 'index',
    );
    expect(written.filter(({ cost }) => !cost).map(({ name }) => name)).toEqual([]);
  });

  it('reaches every record that src/ops names', () => {
    const pattern =
      /(?:^ +name: |\b(?:leafRecord|define[A-Z]\w+|choice|comparison|scaledGap|extremum|generator)\()'(\w+)'/gm;
    const named = files.flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(pattern)].map((m) => m[1]!),
    );
    const known = new Set([...records.map(({ name }) => name), 'constant', 'input', 'parameter']);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(60);
  });

  it('has an entry whose output each record is', () => {
    const leaves = ['constant', 'input', 'parameter'];
    expect(
      records.map(({ name }) => name).filter((name) => !roots.has(name) && !leaves.includes(name)),
    ).toEqual([]);
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
