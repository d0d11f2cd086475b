// Sizes and density: code is written for a reader who meets it once. Each rule yields a list of offences, which must be empty.
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { type Density, densityOf, percentile } from './support/density.js';
import { descendants, type File, parse, source, under } from './support/source.js';

/** Lines of a file and of a function. */
const FILE = 300;
const FUNCTION = 60;
/** Tokens that a statement has at most at the 95th percentile of a folder of src; in `ops` rules are formulas. */
const STATEMENT = 35;
const FORMULA = 60;
/** A folder with fewer statements has no percentiles. */
const FEW = 40;
/** Claims that a value is there (`!`) must be fewer in src, and in `ops`; casts (`as`) at most so many. */
const ASSERTIONS = 350;
const ASSERTIONS_IN_OPS = 60;
const CASTS = 114;
/** Tokens of src in the last release, 0.1.0. */
const RELEASED = 105_000;

const lengthOf = (text: string): number => text.replace(/\n$/, '').split('\n').length;

interface Length {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** Length in lines of each function, nested ones too: declarations, expressions, arrows, methods, accessors, constructors. */
function functionLengths(file: File): Length[] {
  if (file.path.endsWith('.wgsl')) return wgslFunctionLengths(file);
  const tree = parse(file);
  const lineAt = (position: number) => tree.getLineAndCharacterOfPosition(position).line + 1;
  return [...descendants(tree)].filter(ts.isFunctionLike).map((node) => {
    const line = lineAt(node.getStart());
    return { name: node.name?.getText() ?? 'function', line, lines: lineAt(node.end) - line + 1 };
  });
}

function wgslFunctionLengths({ text }: File): Length[] {
  const lines = text.split('\n');
  return lines.flatMap((content, start) => {
    const name = /\bfn (\w+)\(/.exec(content)?.[1];
    if (!name || content.trimStart().startsWith('//')) return [];
    const end = content.trimEnd().endsWith('}') ? start : lines.indexOf('}', start);
    return [{ name, line: start + 1, lines: end - start + 1 }];
  });
}

const densities = source.map((file) => ({ path: file.path, ...densityOf(file) }));

/** The folder of src that a module is in; '' for those at the top. */
const folderOf = (path: string): string => path.split('/').slice(1, -1)[0] ?? '';

/** `path:line` of what is counted in a folder. */
const placesOf = (
  kind: 'assertions' | 'casts' | 'pairs' | 'nestedTemplates',
  folder = 'src/',
): string[] =>
  densities
    .filter(({ path }) => path.startsWith(folder))
    .flatMap(({ path, [kind]: lines }) => lines.map((line) => `${path}:${line}`));

/** How many there are in each file, the most first. */
const counted = (places: readonly string[]): string => {
  const counts = new Map<string, number>();
  for (const place of places) {
    const path = place.split(':')[0]!;
    counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([path, count]) => `${count} ${path}`).join('\n');
};

describe('sizes', () => {
  it(`no file is over ${FILE} lines`, () => {
    const long = under('src', 'shaders', 'test', 'demo')
      .map(({ path, text }) => ({ path, lines: lengthOf(text) }))
      .filter(({ lines }) => lines > FILE);
    expect(long.map(({ path, lines }) => `${path}: ${lines} lines`)).toEqual([]);
  });

  it(`no function is over ${FUNCTION} lines`, () => {
    const code = under('src', 'shaders', 'demo').filter(({ path }) => /\.(ts|wgsl)$/.test(path));
    const long = code.flatMap((file) =>
      functionLengths(file)
        .filter(({ lines }) => lines > FUNCTION)
        .map(({ name, line, lines }) => `${file.path}:${line}: ${name} has ${lines} lines`),
    );
    expect(long).toEqual([]);
  });

  it('the tokens of src are told beside those of the last release', () => {
    const tokens = densities.reduce((sum, each) => sum + each.tokens, 0);
    const [now, before] = [tokens, RELEASED].map((count) => count.toLocaleString('en'));
    console.log(`src has ${now} tokens; ${before} in the last release`);
    expect(tokens).toBeGreaterThan(0);
  });
});

describe('density', () => {
  const statementsOf = (folder: string): number[] =>
    densities
      .filter(({ path }) => folderOf(path) === folder)
      .flatMap(({ statements }) => statements);
  const folders = [...new Set(source.map(({ path }) => folderOf(path)))].sort();

  it.each(folders.filter((folder) => statementsOf(folder).length >= FEW))(
    'statements of src/%s are short',
    (folder) => {
      const tokens = percentile(statementsOf(folder), 0.95);
      const limit = folder === 'ops' ? FORMULA : STATEMENT;
      expect(tokens, 'tokens at the 95th percentile').toBeLessThanOrEqual(limit);
    },
  );

  it('no array pattern is initialised by an array literal', () => {
    expect(placesOf('pairs')).toEqual([]);
  });

  it('no template literal is inside another', () => {
    expect(placesOf('nestedTemplates')).toEqual([]);
  });

  it.each([
    ['src/', ASSERTIONS],
    ['src/ops/', ASSERTIONS_IN_OPS],
  ])('%s claims that a value is there fewer than %i times', (folder, limit) => {
    const places = placesOf('assertions', folder);
    expect(places.length, counted(places)).toBeLessThan(limit);
  });

  it(`src has at most ${CASTS} casts`, () => {
    const places = placesOf('casts');
    expect(places.length, counted(places)).toBeLessThanOrEqual(CASTS);
  });
});

describe('what the tests of density look for', () => {
  const measure = (text: string): Density => densityOf({ path: 'any.ts', text });

  it.each([
    ['const a = 1;', [5]],
    ['a();', [4]],
    ["import { a } from './a.js';", [7]],
    // the braces are of the statement around, the rest is of its own
    ['if (a) { b(); }', [6, 4]],
    ['function f(x: number) { return x; }', [9, 3]],
    ['const f = (x) => { const y = x; return y; };', [10, 5, 3]],
    ['const f = (x) => x + 1;', [11]],
    ['for (const a of b) c(a);', [7, 5]],
    ['class A { #b = 1; c() { return 2; } }', [4, 4, 5, 3]],
    ['interface A { readonly b: number }', [8]],
    ['// A comment of many words.\n/** And a doc. */\nconst a /* 1, 2 */ = 1; // or so', [5]],
  ])('counts the tokens of %j', (text, expected) => {
    const { statements, tokens } = measure(text);
    expect(statements).toEqual(expected);
    expect(tokens).toBe(expected.reduce((sum, each) => sum + each));
  });

  it('counts a template by its pieces: its head, what is put in, and its tail', () => {
    const place = (name: string): string => `$\{${name}}`;
    expect(measure(`\`a ${place('b')} c ${place('d')}\`;`).statements).toEqual([6]);
  });

  it('is the same however it is broken into lines', () => {
    const text = 'const a = f(1, [2, 3], { b: 4 }, (c) => c.d);';
    expect(measure(text.replaceAll(' ', '\n')).statements).toEqual(measure(text).statements);
  });

  it('finds claims and casts', () => {
    const text = `const a = b!.c![0]!;
      let d!: number;
      const e = f as unknown as string;
      const g = [1] as const;
      const h = <string>f, i = [1] satisfies number[];`;
    expect(measure(text).assertions).toEqual([1, 1, 1]);
    expect(measure(text).casts).toEqual([3, 3, 5]);
  });

  it('finds pairs and nested templates', () => {
    const text = `const [a, b] = [1, 2];
      for (let [c, d] = [1, 2]; c < d; c++);
      const [e, f] = g();
      [a, b] = [b, a];`;
    expect(measure(text).pairs).toEqual([1, 2]);
    const template = `const a = \`b $\{c ? \`d\` : ''}\`;\nconst e = \`f\` + \`$\{g('h')}\`;`;
    expect(measure(template).nestedTemplates).toEqual([1]);
  });

  it('takes percentiles', () => {
    const numbers = Array.from({ length: 101 }, (_, i) => 100 - i);
    expect([percentile(numbers, 0.95), percentile([7], 0.95), percentile([], 0.5)]).toEqual([
      95, 7, 0,
    ]);
  });

  it('measures functions, nested ones too, in TypeScript and in WGSL', () => {
    const text = 'const f = () => {\n  function g() {\n    return 1;\n  }\n};\n';
    expect(functionLengths({ path: 'a.ts', text })).toEqual(
      expect.arrayContaining([
        { name: 'function', line: 1, lines: 5 },
        { name: 'g', line: 2, lines: 3 },
      ]),
    );
    const wgsl = 'fn a() {\n  b();\n}\nfn c() { return; }\n';
    expect(functionLengths({ path: 'a.wgsl', text: wgsl })).toEqual([
      { name: 'a', line: 1, lines: 3 },
      { name: 'c', line: 4, lines: 1 },
    ]);
  });
});
