// What is measured outside the benchmark's process: start-up and the size of a bundle.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { median } from 'simple-statistics';

type Outcome<T extends string> = Record<T, number> | { reason: string };
const reasonOf = (error: unknown): { reason: string } => {
  const text =
    error instanceof Error
      ? ((error as { stderr?: string }).stderr ?? error.message)
      : String(error);
  return {
    reason: text.split('\n').find((line) => line.includes('Error')) ?? text.split('\n')[0]!,
  };
};

/**
 * Milliseconds from nothing to the end of the first step of case A in a fresh process, and again in the same process:
 * medians of processes that take turns. The driver's own cache of shaders on disk is off.
 */
export async function startUp(
  names: readonly string[],
  rounds: number,
): Promise<Record<string, Outcome<'cold' | 'warm'>>> {
  const env = { ...process.env, MESA_SHADER_CACHE_DISABLE: 'true' };
  const runs = new Map(names.map((name) => [name, [] as { cold: number; warm: number }[]]));
  const failed: Record<string, { reason: string }> = {};
  for (let round = 0; round < rounds; round++)
    for (const name of names) {
      if (failed[name]) continue;
      try {
        const script = join(import.meta.dirname, 'startup.js');
        const { stdout } = await promisify(execFile)(process.execPath, [script, name], { env });
        runs.get(name)!.push(JSON.parse(stdout.trim().split('\n').at(-1)!));
      } catch (error) {
        failed[name] = reasonOf(error);
      }
    }
  return Object.fromEntries(
    names.map((name) => {
      const of = (key: 'cold' | 'warm'): number => median(runs.get(name)!.map((run) => run[key]));
      return [name, failed[name] ?? { cold: of('cold'), warm: of('warm') }];
    }),
  );
}

const entries = {
  Nabla: 'nabla',
  'Nabla with fit': 'fit',
  'jax-js': 'jax',
  'TensorFlow.js': 'tfjs',
} as const;

/**
 * Kilobytes, minified, of what a page loads to train an MLP: of Nabla its package, of all what no `import()` waits for.
 * Built as a library, since in an app Vite adds a loader of its own for `import()`.
 */
export async function bundleSizes(): Promise<Record<string, Outcome<'kB' | 'gzip kB'>>> {
  const sizes: Record<string, Outcome<'kB' | 'gzip kB'>> = {};
  for (const [name, entry] of Object.entries(entries)) {
    try {
      const { build, minify } = await import('vite'); // absent from a packed folder
      const built = await build({
        ...{ configFile: false, logLevel: 'error' },
        resolve: {
          alias: [
            { find: /^.*\/src(\/index\.browser\.js)$/, replacement: join(process.cwd(), 'dist$1') },
          ],
        },
        build: {
          ...{
            write: false,
            target: 'es2022',
            lib: { entry: `test/bench/size/${entry}.ts`, formats: ['es'] },
          },
          rollupOptions: { preserveEntrySignatures: 'allow-extension' },
        },
      });
      const { output } = (built as Extract<typeof built, unknown[]>)[0]!;
      const chunks = output.filter((part) => part.type === 'chunk');
      const loaded = new Set(
        chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName),
      );
      for (const name of loaded)
        for (const each of chunks.find(({ fileName }) => fileName === name)!.imports)
          loaded.add(each);
      const minified = chunks
        .filter(({ fileName }) => loaded.has(fileName))
        .map(({ fileName, code }) => minify(fileName, code, { module: true }));
      const code = (await Promise.all(minified)).map((result) => result.code);
      const total = (sizeOf: (text: string) => number): number =>
        code.reduce((sum, text) => sum + sizeOf(text), 0) / 1000;
      sizes[name] = {
        kB: total((text) => text.length),
        'gzip kB': total((text) => gzipSync(text).length),
      };
    } catch (error) {
      sizes[name] = reasonOf(error);
    }
  }
  return sizes;
}
