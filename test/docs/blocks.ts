// Code blocks of README and guides as programs.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../support/cli.js';

export interface Block {
  readonly language: string;
  readonly code: string;
  /** Where its code begins in the page. */
  readonly start: number;
  /** What the text block right after it says that it prints; "```text varies" shows one run of many. */
  readonly says?: { readonly text: string; readonly start: number; readonly varies: boolean };
}
export interface Page {
  readonly name: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /**
   * Its TypeScript and JavaScript. A block that starts with an import begins a program, and the next ones continue it; but a
   * page that says that all its code is one program is one.
   */
  readonly programs: readonly (readonly Block[])[];
  /** Names of the file into which a reader of such a page is told to put all its blocks. */
  readonly files: readonly string[];
}

/** A page says that it is one program in these words. */
const claim =
  /All code of this page is one program:\s+put the blocks into one file,\s+(.*?),\s+in order\./s;

function readPage(name: string, text: string): Page {
  const fences = [...text.matchAll(/^```(\w*)( varies)?\n(.*?)^```$/gms)].map((found) => ({
    ...{ language: found[1]!, varies: found[2] !== undefined, code: found[3]! },
    start: found.index + found[0].indexOf('\n') + 1,
  }));
  const blocks = fences.map((fence, i): Block => {
    const next = fences[i + 1];
    return next?.language === 'text'
      ? { ...fence, says: { text: next.code, start: next.start, varies: next.varies } }
      : fence;
  });
  const files = [...(claim.exec(text)?.[1] ?? '').matchAll(/`(.*?)`/g)].map((found) => found[1]!);
  if (/one program/.test(text) && files.length === 0)
    throw new Error(`${name}: say it as: ${claim.source}`);
  const programs: Block[][] = [];
  for (const block of blocks.filter(({ language }) => language === 'ts' || language === 'js')) {
    const isNew = block.code.startsWith('import') && files.length === 0;
    if (isNew || programs.length === 0) programs.push([block]);
    else programs.at(-1)!.push(block);
  }
  return { name, text, blocks, programs, files };
}

export async function readPages(): Promise<Page[]> {
  const guides = (await readdir(join(root, 'docs')))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  return Promise.all(
    ['README.md', ...guides.sort()].map(async (name) =>
      readPage(name, await readFile(join(root, name), 'utf8')),
    ),
  );
}

const number = /-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?/g;
const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Whether a program prints what its page says: the same words, and numbers that agree to two digits or so, because the
 * last ones are the adapter's. "…" stands for anything.
 */
export function agrees(said: string, printed: string): boolean {
  if (said.includes('…'))
    return new RegExp(`^${literally(said).replaceAll('…', '.*')}$`, 's').test(printed);
  const words = (text: string): string => text.trim().replace(number, '#').replace(/\s+/g, ' ');
  const numbers = (text: string): number[] =>
    (text.match(number) ?? []).map((each) => Number(each.replaceAll(',', '')));
  const [expected, actual] = [numbers(said), numbers(printed)];
  const near = (a: number, b: number): boolean =>
    Math.abs(a - b) <= 0.02 * Math.max(Math.abs(a), Math.abs(b)) + 2e-3;
  return words(said) === words(printed) && expected.every((value, i) => near(value, actual[i]!));
}
