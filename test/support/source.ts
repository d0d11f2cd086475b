// The repository as the tests of its structure read it: files, syntax trees, lines that match a pattern.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface File {
  /** From the top of the repository. */
  readonly path: string;
  readonly text: string;
}

const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean);

export function isIgnored(name: string): boolean {
  return ignored.some((line) =>
    line.startsWith('*') ? name.endsWith(line.slice(1)) : name === line.replace('/', ''),
  );
}

function walk(folder: string): File[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): File[] => {
    const absolute = join(folder, entry.name);
    if (entry.name === '.git' || isIgnored(entry.name)) return [];
    if (entry.isDirectory()) return walk(absolute);
    return [{ path: relative(root, absolute), text: readFileSync(absolute, 'utf8') }];
  });
}

/** All files but ignored ones. */
export const files: readonly File[] = walk(root);

/** The files in some folders of the top level. */
export const under = (...folders: string[]): File[] =>
  files.filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)));

/** The modules of src. */
export const source: readonly File[] = under('src').filter(
  ({ path }) => path.endsWith('.ts') && !path.endsWith('.d.ts'),
);

export const parse = ({ path, text }: File): ts.SourceFile =>
  ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);

export function* descendants(node: ts.Node): Generator<ts.Node> {
  const stack = [node];
  for (let next = stack.pop(); next; next = stack.pop()) {
    yield next;
    next.forEachChild((child) => {
      stack.push(child);
    });
  }
}

/** `path:line: text` of each line that a pattern finds. */
export function matches(among: readonly File[], pattern: RegExp): string[] {
  return among.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
  );
}
