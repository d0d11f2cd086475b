// What README and guides show is what happens: their code compiles under strict settings, runs, and prints what they say.
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, openCli, root, run } from '../support/cli.js';
import { agrees, type Page, readPages } from './blocks.js';

const pages = await readPages();
const folder = join(root, '.cache', `docs-${process.pid}`);
const fileOf = (page: Page, program: number): string =>
  join(folder, `${page.name.replace(/\W/g, '-')}-${program}.mts`);
let cli: Cli;

beforeAll(async () => {
  cli = await openCli();
  const installed = join(folder, 'node_modules/nabla');
  await mkdir(installed, { recursive: true });
  await cp(join(root, 'package.json'), join(installed, 'package.json'));
  await cp(cli.built, join(installed, 'dist'), { recursive: true });
  // a package of its own, or 'nabla' would be the repository itself, and whatever was built there last
  await writeFile(join(folder, 'package.json'), '{}');
  for (const page of pages)
    for (const [i, blocks] of page.programs.entries())
      await writeFile(
        fileOf(page, i),
        `${blocks.map(({ code }) => code).join('endOfPart();\n')}\nexport {};\n`,
      );
}, 60_000);
afterAll(async () => {
  await cli?.close();
  await rm(folder, { recursive: true, force: true });
});

const strict: ts.CompilerOptions = {
  ...{
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitReturns: true,
  },
  ...{
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    skipLibCheck: true,
    noEmit: true,
  },
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
  types: ['@webgpu/types', 'node', 'vite/client'],
  paths: {
    nabla: [join(root, 'src/index.node.ts')],
    'nabla/worker': [join(root, 'src/index.worker.ts')],
  },
};

it('compiles under strict settings', async () => {
  await writeFile(join(folder, 'globals.d.ts'), 'declare function endOfPart(): void;\n');
  const files = pages.flatMap((page) => page.programs.map((_, i) => fileOf(page, i)));
  const program = ts.createProgram([...files, join(folder, 'globals.d.ts')], strict);
  const wrong = files.flatMap((file) => {
    const source = program.getSourceFile(file)!;
    return [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ].map((found) => {
      const { line } = source.getLineAndCharacterOfPosition(found.start!);
      const text = source.text.split('\n')[line]!.trim();
      return `${file.split('/').at(-1)}: ${text}: ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`;
    });
  });
  expect(wrong).toEqual([]);
});

describe('blocks pasted into one file, where a page says so, are what Node takes', () => {
  const claims = pages.flatMap(({ files, programs }) => files.map((name) => ({ name, programs })));

  it('is said of some pages', () => {
    expect(claims.map(({ name }) => name)).toEqual(['first.mjs', 'first.ts', 'models.ts']);
  });

  it.each(claims)('$name', async ({ name, programs }) => {
    const [blocks, ...others] = programs;
    expect(others).toEqual([]);
    const pasted = blocks!.map(({ code }) => code).join('\n');
    const options = { ...strict, module: ts.ModuleKind.ESNext, noEmit: false };
    const code = name.endsWith('.ts')
      ? ts.transpileModule(pasted, { compilerOptions: options }).outputText
      : pasted;
    const file = join(folder, `${name}-pasted.mjs`);
    await writeFile(file, code);
    // names declared twice, and types where there are none, are errors of syntax
    const { code: status, errors } = await run('--check', [file], folder);
    expect(status, errors).toBe(0);
  });
});

describe('each guide', () => {
  const guides = pages.map(({ name }) => name).filter((name) => name.startsWith('docs/'));

  it('is in the menu of the documentation', async () => {
    const { projectDocuments } = JSON.parse(ts.sys.readFile(join(root, 'docs/typedoc.json'))!);
    expect([...projectDocuments].sort()).toEqual(guides.map((name) => name.replace('docs/', '')));
  });

  it.each(guides)('%s is linked from the README', (name) => {
    expect(pages[0]!.text).toContain(`](${name})`);
  });
});

describe('prints what it says', () => {
  it.each(
    pages.filter(({ programs }) => programs.length > 0).map((page) => [page.name, page] as const),
  )('%s', async (_, page) => {
    const files = page.programs.map((_, i) => fileOf(page, i));
    for (const file of files) {
      const options = { ...strict, module: ts.ModuleKind.ESNext, noEmit: false };
      const { outputText } = ts.transpileModule(ts.sys.readFile(file)!, {
        compilerOptions: options,
      });
      await writeFile(file.replace(/mts$/, 'mjs'), outputText);
    }
    const runner = join(import.meta.dirname, 'runner.mjs');
    const { code, out, errors } = await run(
      runner,
      files.map((file) => file.replace(/mts$/, 'mjs')),
      folder,
    );
    expect(code, errors).toBe(0);
    const printed = JSON.parse(out) as string[][];
    const shown = page.programs.flatMap((blocks, i) =>
      blocks.map((block, part) => ({ block, output: printed[i]![part] ?? '' })),
    );
    if (process.env.UPDATE_DOCS)
      await update(
        page,
        shown.map(({ block, output }) => ({ says: block.says, output })),
      );
    else
      for (const { block, output } of shown)
        if (block.says?.varies) expect(output).not.toBe('');
        else if (!agrees(block.says?.text ?? '', output))
          expect(output).toBe(block.says?.text ?? '');
  });
});

/** UPDATE_DOCS=1 writes what was printed into the page. */
async function update(
  page: Page,
  shown: { says: Page['blocks'][0]['says']; output: string }[],
): Promise<void> {
  let text = page.text;
  for (const { says, output } of shown.reverse())
    if (says && !(says.varies && says.text) && !agrees(says.text, output))
      text = text.slice(0, says.start) + output + text.slice(says.start + says.text.length);
  await writeFile(join(root, page.name), text);
}

it('names each error by words of its message', () => {
  const { text } = pages.find(({ name }) => name === 'docs/troubleshooting.md')!;
  for (const part of text.split('\n### ').slice(1)) {
    const [title] = part.split('\n');
    const message = /```text\n(.*?)```/s.exec(part)?.[1] ?? part.slice(title!.length);
    expect(message).toContain(title);
  }
});

describe('the shell', () => {
  const lines = pages.flatMap(({ blocks }) =>
    blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code }) =>
        code.split('\n').map((line) => line.split(/ #|&&/).map((part) => part.trim())),
      ),
  );
  const commands = [...new Set(lines.flat().filter((line) => line.startsWith('npx nabla')))];

  it.each(commands)('%s', async (line) => {
    const [, , command, ...rest] = line.split(/\s+/);
    const { out: help } = await cli.nabla(`${command} --help`);
    expect(help).toContain(`nabla ${command}`);
    for (const option of rest.filter((word) => word.startsWith('--')))
      expect(help).toContain(option);
  });

  it('runs scripts that exist', async () => {
    const { scripts } = JSON.parse(ts.sys.readFile(join(root, 'package.json'))!);
    const named = lines.flat().flatMap((line) => /^npm run (\S+)/.exec(line)?.[1] ?? []);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('nabla explain prints what the README says', async () => {
    const { text } = pages[0]!;
    const file = /npx nabla explain (\S+)/.exec(text)![1]!;
    const { out } = await cli.nabla(`explain ${join(root, file)}`);
    expect(text).toContain(`\`\`\`text\n${out}\`\`\``);
  });
});
