// The history: one JSON object a line, with what it takes to tell runs apart.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';

/** Where a run took place. */
export interface Place {
  readonly adapter: string;
  readonly platform: string;
  readonly quick: boolean;
}

/** Appends a line to the file: the result, the place, versions, commit and the machine's load. */
export function appendHistory(file: string, place: Place, result: object): void {
  mkdirSync(dirname(file), { recursive: true });
  const line = {
    at: new Date().toISOString(),
    commit: commit(),
    versions: versions(),
    load: loadavg()[0],
    ...place,
  };
  appendFileSync(file, `${JSON.stringify({ ...line, ...result })}\n`);
}

/** The commit that runs: in a packed folder the one it was packed from; unknown where there is no git. */
export function commit(): string {
  const { commit: packed } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    commit?: string;
  };
  if (packed) return packed;
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function versions(): Record<string, string> {
  const names = ['@jax-js/jax', '@tensorflow/tfjs-core', 'webgpu'];
  const manifests = names.map((name) =>
    readFileSync(join('node_modules', name, 'package.json'), 'utf8'),
  );
  return Object.fromEntries(
    manifests.map((text, i) => [names[i]!, (JSON.parse(text) as { version: string }).version]),
  );
}
