// npm run bench -- [filters] [options]: Nabla and its peers side by side, on the adapter that NABLA_ADAPTER chooses.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import cac from 'cac';
import { open } from '../../src/index.node.js';
import { jax } from './contenders/jax.js';
import { nabla } from './contenders/nabla.js';
import { measure, type Result, settings } from './measure.js';
import { installNavigator } from './node.js';
import { cases, isChosen } from './problems.js';
import { factsTable, timeTable } from './report.js';

interface Options {
  quick?: boolean;
  history: string;
}

async function main(filters: readonly string[], { quick = false, history }: Options): Promise<void> {
  const adapter = await installNavigator();
  const engine = await open({ backend: 'gpu' });
  const { software } = engine.info.adapter;
  engine.dispose();
  const context = {
    at: new Date().toISOString(),
    commit: commit(),
    platform: `Node ${process.version}`,
    adapter,
    quick,
  };
  const versions = Object.fromEntries(
    ['@jax-js/jax', '@tensorflow/tfjs-core', 'webgpu'].map((name) => [name, versionOf(name)]),
  );
  const print = (text: string): void => void process.stdout.write(text);
  print(`${adapter}, ${context.platform}, commit ${context.commit}, load ${loadavg()[0]!.toFixed(1)}\n`);
  const record = (entry: object): void => {
    mkdirSync(dirname(history), { recursive: true });
    appendFileSync(history, `${JSON.stringify({ ...context, versions, load: loadavg()[0], ...entry })}\n`);
  };
  const { tfjs } = await import('./contenders/tfjs.js'); // it looks for navigator.gpu when it loads
  const contenders = [nabla(open), jax, tfjs];
  const reference = await open({ backend: 'cpu' });
  const results: Result[] = [];
  for (const { name, gpuOnly, make } of cases) {
    if (!isChosen(name, filters) || (gpuOnly && software)) continue;
    process.stderr.write(`${name} …\n`);
    const result = await measure(make(), contenders, reference, quick ? settings.quick : settings.full);
    record(result);
    results.push(result);
  }
  if (results.length > 0) print(`\n${timeTable(results)}\n${factsTable(results)}`);
}

const commit = (): string => execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();

const versionOf = (name: string): string =>
  (JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8')) as { version: string }).version;

const cli = cac('npm run bench --');
cli
  .command('[...filters]', 'Times Nabla, jax-js and TensorFlow.js; a filter is a word of a case: A, matmul, "512 NT"')
  .option('--quick', 'Fewer and shorter blocks')
  .option('--history <file>', 'Where a JSON line for each case is appended', { default: '.cache/bench.jsonl' })
  .action((filters: string[], options: Options) => main(filters.map(String), options));
cli.help();
cli.parse(process.argv, { run: false });
await cli.runMatchedCommand();
process.exit(0);
