// Imports of src go one way, through layers, and form no circles.
import { describe, expect, it } from 'vitest';
import { circles, graph, imports } from './support/imports.js';
import { files, source } from './support/source.js';

// Each line may import from itself and from the lines above it.
const layers = [
  ['core'],
  ['graph'],
  ['ops'],
  ['autodiff'],
  ['wgsl'],
  ['planning'],
  ['kernels'],
  ['compiler'],
  ['cpu'],
  ['gpu'],
  ['check'],
  ['engine'],
  ['nn', 'loss', 'optim', 'data', 'io', 'train'],
  ['worker', 'node', 'browser'],
  ['index'],
];

/** Files that may import each other: in each list any of them. */
const mayCircle = [
  // a node has a record, whose rules take and give nodes
  /^src\/graph\/(op|tensor)\.ts$/,
  // families of ops call each other inside their rules: a sum's gradient broadcasts, a broadcast's gradient sums
  /^src\/ops\//,
];

const layerOf = (path: string): number =>
  layers.findIndex((names) => names.includes(path.split('/')[1]!.replace(/\..*$/, '')));

describe('imports', () => {
  it('every module of src belongs to a layer', () => {
    expect(source.map(({ path }) => path).filter((path) => layerOf(path) < 0)).toEqual([]);
  });

  it('point to the same layer or one above, never outside src', () => {
    const upwards = [...graph].flatMap(([path, targets]) =>
      targets
        .filter((target) => !target.startsWith('src/') || layerOf(target) > layerOf(path))
        .map((target) => `${path} imports ${target}`),
    );
    expect(upwards).toEqual([]);
  });

  it('name a file that exists', () => {
    const known = new Set(files.map(({ path }) => path));
    const absent = [...graph].flatMap(([path, targets]) =>
      targets.filter((target) => !known.has(target)).map((target) => `${path} imports ${target}`),
    );
    expect(absent).toEqual([]);
  });

  it('form no circle, with types', () => {
    const allowed = (circle: readonly string[]): boolean =>
      mayCircle.some((some) => circle.every((path) => some.test(path)));
    expect(circles(graph, allowed)).toEqual([]);
  });

  it('take what only Node has in src/node alone', () => {
    const outside = source.filter(
      ({ path }) => !path.startsWith('src/node/') && path !== 'src/index.node.ts',
    );
    const offences = outside.flatMap((file) =>
      imports(file)
        .filter((specifier) => !specifier.startsWith('.'))
        .map((specifier) => `${file.path} imports ${specifier}`),
    );
    expect(offences).toEqual([]);
  });
});

describe('what the tests of imports look for', () => {
  it('finds imports of every form', () => {
    const text = `import a from './a.js';
      import type { B } from './b.js';
      import { type C } from './c.js';
      import './d.js';
      export { e } from './e.js';
      export type * from './f.js';
      const g = await import('./g.js');
      let h: import('./h.js').H;
      const no = "import x from './x.js'";`;
    const found = imports({ path: 'any.ts', text }).map((specifier) => specifier.slice(2, 3));
    expect(found.sort().join('')).toBe('abcdefgh');
  });

  it('finds circles, each once', () => {
    const made = new Map([
      ['a', ['b', 'x']],
      ['b', ['c']],
      ['c', ['a', 'b']],
      ['x', ['y']],
      ['y', []],
      ['self', ['self']],
    ]);
    expect(circles(made, () => false)).toEqual(['a → b → c → a', 'b → c → b', 'self → self']);
  });

  it('lets off circles of files that may, not those that go through another', () => {
    const made = new Map([
      ['op', ['tensor']],
      ['tensor', ['op', 'frozen']],
      ['frozen', ['op']],
    ]);
    const allowed = (circle: readonly string[]) =>
      circle.every((path) => ['op', 'tensor'].includes(path));
    expect(circles(made, allowed)).toEqual(['frozen → op → tensor → frozen']);
  });
});
