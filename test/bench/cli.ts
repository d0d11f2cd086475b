// npm run bench -- [filters] [options]: Nabla and its peers side by side, on the adapter that NABLA_ADAPTER chooses.
import { loadavg } from 'node:os';
import { Command, Option } from '@commander-js/extra-typings';
import { open } from '../../src/index.node.js';
import { openPage } from './chromium.js';
import type { Facts } from './contenders/contender.js';
import { jax } from './contenders/jax.js';
import { nabla } from './contenders/nabla.js';
import { appendHistory, commit, type Place } from './history.js';
import { factsOf, measure, type Result, settings } from './measure.js';
import { installNavigator } from './node.js';
import { runModel } from './paper/run.js';
import { caseOf, cases, isChosen } from './problems.js';
import { bundleSizes, startUp } from './processes.js';
import { contenderTable, factsTable, timeTable } from './report.js';

interface Options {
  quick?: boolean | undefined;
  chromium?: boolean | undefined;
  subgroupMatrix?: boolean | undefined;
  history: string;
  model?: string | undefined;
}

/** Where cases run: in this process or in a page. */
interface Bench extends Omit<Place, 'quick'> {
  readonly software: boolean;
  facts(name: string): Promise<Facts | undefined>;
  run(name: string, pace: keyof typeof settings): Promise<Result>;
  close?(): Promise<void>;
}

const print = (text: string): void => void process.stdout.write(text);

const casesFor = (filters: readonly string[]) =>
  cases.filter(({ name }) => isChosen(name, filters));

async function main(
  filters: readonly string[],
  { quick = false, chromium = false, subgroupMatrix = false, history }: Options,
): Promise<void> {
  const bench = chromium ? await inChromium() : await inNode(subgroupMatrix);
  const place: Place = { adapter: bench.adapter, platform: bench.platform, quick };
  print(
    `${place.adapter}, ${place.platform}, commit ${commit()}, load ${loadavg()[0]!.toFixed(1)}\n\n`,
  );
  const results: Result[] = [];
  const chosen = casesFor(filters).filter(
    ({ gpuOnly, isLong }) =>
      !(gpuOnly && bench.software) && !(isLong && quick && filters.length === 0),
  );
  const facts = new Map<string, Facts | undefined>();
  for (const { name } of chosen) facts.set(name, await bench.facts(name)); // before the peers come
  for (const { name } of chosen) {
    process.stderr.write(`${name} …\n`);
    const timed = await bench.run(name, quick ? 'quick' : 'full');
    const result = { ...timed, facts: facts.get(name) };
    appendHistory(history, place, result);
    results.push(result);
  }
  await bench.close?.();
  if (results.length > 0) print(`${timeTable(results)}\n${factsTable(results)}\n`);
  if (chromium) return; // the rest needs processes of its own
  if (isChosen('start-up', filters)) {
    const rows = await startUp(['Nabla', 'jax-js', 'TensorFlow.js'], quick ? 1 : 5);
    appendHistory(history, place, { name: 'start-up', rows });
    print(`${contenderTable('ms to the first step', ['cold', 'warm'], rows)}\n`);
  }
  if (isChosen('bundle', filters)) {
    const rows = await bundleSizes();
    appendHistory(history, place, { name: 'bundle', rows });
    print(`${contenderTable('an MLP and its training', ['kB', 'gzip kB'], rows)}\n`);
  }
}

async function inNode(subgroupMatrix: boolean): Promise<Bench> {
  const found = await installNavigator();
  const { tfjs } = await import('./contenders/tfjs.js'); // it looks for navigator.gpu when it loads
  const engine = await open({ backend: 'gpu' });
  const { software } = engine.info.adapter;
  engine.dispose();
  const reference = await open({ backend: 'cpu' });
  const ours = nabla((options) => open({ ...options, subgroupMatrix }));
  const adapter = subgroupMatrix ? `${found}, its matrix units for Nabla` : found;
  return {
    ...{ adapter, platform: `Node ${process.version}`, software },
    facts: (name) => factsOf(caseOf(name), ours),
    run: (name, pace) => measure(caseOf(name), [ours, jax, tfjs], reference, settings[pace]),
  };
}

async function inChromium(): Promise<Bench> {
  const page = await openPage();
  const { name, software } = await page.adapter();
  return {
    adapter: name,
    platform: page.source,
    software,
    facts: page.facts,
    run: page.run,
    close: page.close,
  };
}

const command = new Command('npm run bench --')
  .description('Times Nabla, jax-js and TensorFlow.js side by side')
  .argument('[filters...]', 'words of cases: A, matmul, "512 NT"')
  .option('--quick', 'fewer and shorter blocks, and without filters no GPT and no ResNet')
  .option('--chromium', 'in a page of Chromium instead of under Dawn in Node')
  .addOption(
    new Option(
      '--subgroup-matrix',
      "Nabla takes the adapter's matrix units, where it has any",
    ).conflicts('chromium'),
  )
  .option(
    '--model <cards>',
    'predicts instead of measuring: h200, rtx4070, m3, phone, or measured for the adapter at hand',
  )
  .option('--history <file>', 'where a JSON line for each case is appended', '.cache/bench.jsonl')
  .action((filters, options) =>
    options.model
      ? runModel(options.model.split(','), casesFor(filters), print)
      : main(filters, options),
  );
await command.parseAsync();
process.exit(0);
