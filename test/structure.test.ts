// The house rules of the repository. Each rule yields a list of offences; the list must be empty.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

const allowedAtTop = ['src', 'shaders', 'test', 'demo', 'docs', 'package.json', 'package-lock.json']
  .concat(['tsconfig.json', 'vite.config.ts', 'README.md', 'LICENSE']) // and dot files
  .sort();

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
  ['node', 'browser'],
  ['index'],
];

interface File {
  path: string;
  text: string;
  lines: number;
}

const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean);

function isIgnored(name: string): boolean {
  return ignored.some((line) =>
    line.startsWith('*') ? name.endsWith(line.slice(1)) : name === line.replace('/', ''),
  );
}

function walk(folder: string): File[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): File[] => {
    const absolute = join(folder, entry.name);
    if (entry.name === '.git' || isIgnored(entry.name)) return [];
    if (entry.isDirectory()) return walk(absolute);
    const text = readFileSync(absolute, 'utf8');
    return [
      { path: relative(root, absolute), text, lines: text.replace(/\n$/, '').split('\n').length },
    ];
  });
}

const files = walk(root);
const under = (...folders: string[]) =>
  files.filter(({ path }) => folders.includes(path.split('/')[0]!));
const source = under('src').filter(({ path }) => path.endsWith('.ts') && !path.endsWith('.d.ts'));

const parse = ({ path, text }: File) =>
  ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);

function* descendants(node: ts.Node): Generator<ts.Node> {
  const stack = [node];
  for (let next = stack.pop(); next; next = stack.pop()) {
    yield next;
    next.forEachChild((child) => {
      stack.push(child);
    });
  }
}

/** Length in lines of each function: declarations, expressions, arrows, methods, accessors, constructors. */
function functionLengths(file: File): { name: string; line: number; lines: number }[] {
  if (file.path.endsWith('.wgsl')) return wgslFunctionLengths(file);
  const tree = parse(file);
  const lineAt = (position: number) => tree.getLineAndCharacterOfPosition(position).line + 1;
  return [...descendants(tree)].filter(ts.isFunctionLike).map((node) => {
    const line = lineAt(node.getStart());
    return { name: node.name?.getText() ?? 'function', line, lines: lineAt(node.end) - line + 1 };
  });
}

function wgslFunctionLengths({ text }: File): { name: string; line: number; lines: number }[] {
  const lines = text.split('\n');
  return lines.flatMap((content, start) => {
    const name = /\bfn (\w+)\(/.exec(content)?.[1];
    if (!name || content.trimStart().startsWith('//')) return [];
    const end = content.trimEnd().endsWith('}') ? start : lines.indexOf('}', start);
    return [{ name, line: start + 1, lines: end - start + 1 }];
  });
}

const isTypeOnly = (node: ts.Node): boolean =>
  (ts.isImportDeclaration(node) &&
    node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) ||
  (ts.isExportDeclaration(node) && node.isTypeOnly) ||
  ts.isImportTypeNode(node);

/** What a file imports: static, type-only, re-exported and dynamic. */
function imports(file: File, types = true): string[] {
  return [...descendants(parse(file))].flatMap((node) => {
    if (!types && isTypeOnly(node)) return [];
    const specifier =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
    return specifier && ts.isStringLiteral(specifier) ? [specifier.text] : [];
  });
}

/** Imports inside src, as paths from the top of the repository. */
const graphOf = (types: boolean) =>
  new Map(
    source.map((file) => [
      file.path,
      imports(file, types)
        .filter((specifier) => specifier.startsWith('.') && !/\?(raw|script)$/.test(specifier))
        .map((specifier) => join(dirname(file.path), specifier).replace(/\.js$/, '.ts')),
    ]),
  );
const graph = graphOf(true);

const layerOf = (path: string): number =>
  layers.findIndex((names) => names.includes(path.split('/')[1]!.replace(/\..*$/, '')));

// Families of ops call each other inside their rules: a sum's gradient broadcasts, a broadcast's gradient sums.
const mayCircle = (path: string, next: string): boolean =>
  [path, next].every((file) => file.startsWith('src/ops/'));

/** One circle of imports through each file that is in one. Types vanish, so a record and its node may name each other. */
function circles(): string[] {
  const values = graphOf(false);
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of values.get(path) ?? [])
      if (!mayCircle(path, next)) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of values.keys()) visit(path, []);
  return found;
}

function matches(among: File[], pattern: RegExp): string[] {
  return among.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
  );
}

describe('sizes', () => {
  it('no file is over 300 lines', () => {
    const long = under('src', 'shaders', 'test', 'demo').filter(({ lines }) => lines > 300);
    expect(long.map(({ path, lines }) => `${path}: ${lines} lines`)).toEqual([]);
  });

  it('no function is over 60 lines', () => {
    const code = under('src', 'shaders', 'demo').filter(({ path }) => /\.(ts|wgsl)$/.test(path));
    const long = code.flatMap((file) =>
      functionLengths(file)
        .filter(({ lines }) => lines > 60)
        .map(({ name, line, lines }) => `${file.path}:${line}: ${name} has ${lines} lines`),
    );
    expect(long).toEqual([]);
  });
});

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

  it('form no circle', () => {
    expect(circles()).toEqual([]);
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

describe('the repository', () => {
  it('has nothing else at the top level', () => {
    const names = readdirSync(root).filter((name) => !name.startsWith('.') && !isIgnored(name));
    expect(names.filter((name) => !allowedAtTop.includes(name))).toEqual([]);
  });

  it('depends on nothing at run time', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(dependencies).toEqual({});
  });

  it('knows no op by its name in the compiler', () => {
    const compiler = source.filter(({ path }) =>
      /^src\/(graph|autodiff|wgsl|planning|kernels|compiler|gpu)\//.test(path),
    );
    expect(matches(compiler, /builtIn\((?!\{)|\.op\.name [!=]==|\.op\.name\)/)).toEqual([]);
  });

  it('has one lexer for WGSL: nothing else searches or changes its text by a pattern', () => {
    const compiler = source.filter(
      ({ path }) =>
        /^src\/(wgsl|planning|kernels|compiler|gpu)\//.test(path) && path !== 'src/wgsl/lexer.ts',
    );
    // the names that drivers give themselves
    const others = compiler.filter(({ path }) => path !== 'src/gpu/device.ts');
    expect(
      matches(
        others,
        /new RegExp|\.(replace|replaceAll|match|matchAll|search)\(|\/[gmisuy]*\.(test|exec)\(/,
      ),
    ).toEqual([]);
  });

  it('skips no test and silences no checker', () => {
    const skipped =
      /\b(it|test|describe|bench|suite)(\.\w+)*\.(skip|only|todo|fails|skipIf|runIf)\b/;
    expect(matches(under('test'), skipped)).toEqual([]);
    expect(matches(under('src', 'test', 'demo'), /@ts-(ignore|nocheck)|biome[-]ignore/)).toEqual(
      [],
    );
  });

  it('opens each file of src with a comment on what it is for', () => {
    const header = /^(#!.*\n)?\/\/ \S.{20,}\n/;
    expect(source.filter(({ text }) => !header.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('names no place on one machine and no package registry', () => {
    const place = /(^|[^\w.~-])\/(work|root|home|Users)\/|registry\.[a-z]+\.|deb\.debian/;
    expect(matches(files, place)).toEqual([]);
  });
});
