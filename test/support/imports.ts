// Who imports whom in src, types included, and where that goes in a circle.
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { descendants, type File, parse, source } from './source.js';

/** What a file imports: values, types, re-exports, dynamic imports, and types by `import('…')`. */
export function imports(file: File): string[] {
  return [...descendants(parse(file))].flatMap((node) => {
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

/** What each file imports of the others. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** Imports inside src, as paths from the top of the repository. */
export const graph: Graph = new Map(
  source.map((file) => [
    file.path,
    imports(file)
      .filter((specifier) => specifier.startsWith('.') && !/\?(raw|script)$/.test(specifier))
      .map((specifier) => join(dirname(file.path), specifier).replace(/\.js$/, '.ts')),
  ]),
);

/** The files of a shortest circle through a file, in order; undefined where it is in none. */
function circleThrough(start: string, graph: Graph): string[] | undefined {
  const before = new Map<string, string>();
  const queue = [start];
  for (const path of queue)
    for (const next of graph.get(path) ?? []) {
      if (next === start) return trail(path, before);
      if (before.has(next)) continue;
      before.set(next, path);
      queue.push(next);
    }
  return undefined;
}

function trail(end: string, before: ReadonlyMap<string, string>): string[] {
  const path = [end];
  for (let next = before.get(end); next; next = before.get(next)) path.unshift(next);
  return path;
}

/** Circles of imports, each file that is in one in at least one of them, but those of files that may circle together. */
export function circles(graph: Graph, mayCircle: (files: readonly string[]) => boolean): string[] {
  const found = new Map<string, string>();
  for (const start of graph.keys()) {
    const circle = circleThrough(start, graph);
    if (!circle || mayCircle(circle)) continue;
    const members = [...circle].sort().join();
    if (!found.has(members)) found.set(members, [...circle, circle[0]].join(' → '));
  }
  return [...found.values()];
}
