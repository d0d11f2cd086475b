// The command as people run it: built, a process of its own, in a folder with small digits.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export const root = join(import.meta.dirname, '..', '..');

export interface Outcome {
  code: number | null;
  out: string;
  errors: string;
}
export interface Running {
  env?: Record<string, string>;
  /** Called with the process at each piece of its output. */
  onOutput?: (child: ChildProcessWithoutNullStreams) => void;
}

export function run(
  file: string,
  args: readonly string[],
  cwd: string,
  { env, onOutput }: Running = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...args], {
      cwd,
      env: { ...process.env, NABLA_DEBUG: '', ...env },
    });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
      onOutput?.(child);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk;
    });
    child.on('close', (code) => resolve({ code, out, errors }));
  });
}

export interface Cli {
  readonly folder: string;
  /** The built package. */
  readonly built: string;
  /** Runs `nabla` with words as a shell would pass them. */
  nabla(line: string, running?: Running): Promise<Outcome>;
  close(): Promise<void>;
}

/** Builds the command and makes a folder whose `digits` hold 200 training and 50 test images of 4 × 5. */
export async function openCli(): Promise<Cli> {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-cli-'));
  // Inside the repository, where the package's own name resolves.
  const built = join(root, '.cache', `cli-${process.pid}`);
  await mkdir(join(folder, 'digits'));
  await writeDigits(join(folder, 'digits'), 'train', 200);
  await writeDigits(join(folder, 'digits'), 't10k', 50);
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const build = await run(vite, ['build', '--outDir', built], root);
  if (build.code !== 0) throw new Error(`vite build: ${build.errors}`);
  return {
    ...{ folder, built },
    nabla: (line, running = {}) =>
      run(join(built, 'cli.js'), line.split(' ').filter(Boolean), folder, running),
    async close() {
      await Promise.all([folder, built].map((path) => rm(path, { recursive: true, force: true })));
    },
  };
}

function idx(magic: number, shape: readonly number[], data: readonly number[]): Uint8Array {
  const head = Buffer.alloc(4 + 4 * shape.length);
  for (const [i, value] of [magic, ...shape].entries()) head.writeUInt32BE(value, 4 * i);
  return Buffer.concat([head, Uint8Array.from(data)]);
}

/** Ten classes that differ in which of two pixels is bright, and how; the labels' file is gzipped. */
export async function writeDigits(path: string, prefix: string, length: number): Promise<void> {
  const pixel = (at: number): number =>
    ((at * 7919) % 64) + (at % 20 === (Math.floor(at / 20) % 10) * 2 ? 190 : 0);
  const pixels = Array.from({ length: length * 20 }, (_, at) => pixel(at));
  const labels = Array.from({ length }, (_, at) => at % 10);
  await writeFile(join(path, `${prefix}-images-idx3-ubyte`), idx(0x803, [length, 4, 5], pixels));
  await writeFile(
    join(path, `${prefix}-labels-idx1-ubyte.gz`),
    gzipSync(idx(0x801, [length], labels)),
  );
}

export const accuracyIn = ({ out }: Outcome): string | undefined =>
  /^test accuracy (\S+)/m.exec(out)?.[1];
