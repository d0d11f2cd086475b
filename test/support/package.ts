// The package as npm packs it, installed in an empty project without network.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from './cli.js';

export interface Packed {
  /** Bytes of the compressed file. */
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Runs npm, whose output is JSON. */
async function npm(cwd: string, ...words: string[]): Promise<unknown> {
  const options = ['--json', '--offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  const child = spawn('npm', [...words, ...options], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`npm ${words.join(' ')}: ${out}`);
  return JSON.parse(out);
}

/** Builds beside dist, which others may be using, packs, and installs in a new project. */
export async function installPackage(): Promise<{
  project: string;
  installed: string;
  packed: Packed;
}> {
  const project = await mkdtemp(join(tmpdir(), 'nabla-package-'));
  const stage = join(project, 'stage');
  await mkdir(stage);
  for (const name of ['package.json', 'README.md', 'LICENSE'])
    await cp(join(root, name), join(stage, name));
  const start = (program: string, ...words: string[]) =>
    run(join(root, 'node_modules', program), words, root);
  const build = 'src/tsconfig.build.json';
  const made = await Promise.all([
    start('vite/bin/vite.js', 'build', '--logLevel', 'error', '--outDir', join(stage, 'dist')),
    start('typescript/bin/tsc', '-p', build, '--noCheck', '--outDir', join(stage, 'types')),
  ]);
  for (const { code, out, errors } of made) if (code !== 0) throw new Error(out + errors);
  await cp(join(stage, 'types'), join(stage, 'dist'), { recursive: true });
  const [packed] = (await npm(stage, 'pack', '--pack-destination', project)) as [
    Packed & { filename: string },
  ];
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  await npm(project, 'install', `./${packed.filename}`);
  await rm(stage, { recursive: true });
  return { project, installed: join(project, 'node_modules/nabla'), packed };
}
