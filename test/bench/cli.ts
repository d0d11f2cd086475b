// npm run bench -- [filters] [options]: Nabla and its peers side by side, on the adapter that NABLA_ADAPTER chooses.
import { loadavg } from 'node:os';
import cac from 'cac';
import { open } from '../../src/index.node.js';
import type { Contender } from './contenders/contender.js';
import { jax } from './contenders/jax.js';
import { nabla } from './contenders/nabla.js';
import { appendHistory, commit, type Place } from './history.js';
import { measure, type Result, settings } from './measure.js';
import { installNavigator } from './node.js';
import { cases, isChosen } from './problems.js';
import { bundleSizes, startUp } from './processes.js';
import { contenderTable, factsTable, timeTable } from './report.js';

interface Options {
  quick?: boolean;
  history: string;
}

const print = (text: string): void => void process.stdout.write(text);

async function main(filters: readonly string[], { quick = false, history }: Options): Promise<void> {
  const place = { adapter: await installNavigator(), platform: `Node ${process.version}`, quick };
  print(`${place.adapter}, ${place.platform}, commit ${commit()}, load ${loadavg()[0]!.toFixed(1)}\n\n`);
  const { tfjs } = await import('./contenders/tfjs.js'); // it looks for navigator.gpu when it loads
  const contenders = [nabla(open), jax, tfjs];
  const results = await runCases(filters, contenders, place, history);
  if (results.length > 0) print(`${timeTable(results)}\n${factsTable(results)}\n`);
  if (isChosen('start-up', filters)) {
    const names = contenders.map(({ name }) => name);
    const rows = await startUp(names, quick ? 1 : 5);
    appendHistory(history, place, { name: 'start-up', rows });
    print(`${contenderTable('ms to the first step', ['cold', 'warm'], rows)}\n`);
  }
  if (isChosen('bundle', filters)) {
    const rows = await bundleSizes();
    appendHistory(history, place, { name: 'bundle', rows });
    print(`${contenderTable('an MLP and its training', ['kB', 'gzip kB'], rows)}\n`);
  }
}

async function runCases(filters: readonly string[], contenders: Contender[], place: Place, history: string) {
  const engine = await open({ backend: 'gpu' });
  const { software } = engine.info.adapter;
  engine.dispose();
  const reference = await open({ backend: 'cpu' });
  const results: Result[] = [];
  for (const { name, gpuOnly, make } of cases) {
    if (!isChosen(name, filters) || (gpuOnly && software)) continue;
    process.stderr.write(`${name} …\n`);
    const result = await measure(make(), contenders, reference, place.quick ? settings.quick : settings.full);
    appendHistory(history, place, result);
    results.push(result);
  }
  return results;
}

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
