// The report that `nabla train` writes, and `nabla report`, which compares runs.
import { basename } from 'node:path';
import { NablaError } from '../../core/errors.js';
import { chromeTrace, type EngineInfo, type Profile } from '../../graph/backend.js';
import type { EpochReport } from '../../train/fit.js';
import { saveFile } from '../files.js';
import type { Predictions, Run } from '../report/data.js';
import { readPage, writePage } from '../report/run.js';
import type { TrainOptions } from './options.js';
import { checkOutputs } from './outputs.js';
import { costText, count, percent, print, table, version } from './text.js';

/** Kernels that the command lists. */
const SHOWN = 16;

/** The longest kernels: where the GPU's time went. */
function profileTable({ kernels, milliseconds, peaks }: Profile): string {
  const speeds = ({ flopsPerSecond, bytesPerSecond }: Profile['peaks']): string[] =>
    [flopsPerSecond, bytesPerSecond].map((speed) => (speed / 1e9).toFixed(1));
  const rows = kernels.slice(0, SHOWN).map((kernel) => {
    const time = [
      count(kernel.calls),
      kernel.milliseconds.toFixed(1),
      `${(100 * kernel.share).toFixed(1)}%`,
    ];
    return [kernel.kernel, ...time, ...speeds(kernel), `${(100 * kernel.ofPeak).toFixed(0)}%`];
  });
  const head = ['kernel', 'calls', 'ms', 'share', 'GFLOP/s', 'GB/s', 'of peak'];
  const [flops, bytes] = speeds(peaks);
  const more = kernels.length > SHOWN ? ` of ${kernels.length} kernels` : '';
  const total = `${milliseconds.toFixed(1)} ms${more} in all; a probe reached ${flops} GFLOP/s and ${bytes} GB/s`;
  return `${table([head, ...rows], true)}\n${total}`;
}

/** Row by row: what digits of each label are read as. */
export const confusionTable = (confusion: Predictions['confusion']): string =>
  table(
    [
      ['read as', ...confusion.keys()].map(String),
      ...confusion.map((row, i) => [i, ...row].map(String)),
    ],
    true,
  );

/** What `nabla train` knows of a run when it is over, with the line that names the engine. */
type Facts = Omit<Run, 'name' | 'date' | 'settings' | 'machine' | 'stepsPerSecond' | 'epochs'> &
  Readonly<{ epochs: readonly EpochReport[]; source: string }>;

/** Prints where the GPU's time went, if it was measured, and writes trace and page of a run. */
export async function reportRun(
  options: TrainOptions,
  { adapter }: EngineInfo,
  { source, profile, ...facts }: Facts,
) {
  const { report, trace, output, ...settings } = options;
  const { epochs, steps, seconds } = facts;
  if (trace && profile) {
    print(profileTable(profile));
    await saveFile(trace, new TextEncoder().encode(JSON.stringify(chromeTrace(profile))));
    print(`wrote ${trace}; chrome://tracing and ui.perfetto.dev draw it`);
  }
  if (!report) return;
  const timed = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const stepsPerSecond = timed > 0 ? epochs.at(-1)!.step / timed : steps / seconds;
  const { platform, arch, version: node } = process;
  const chip = [adapter.vendor, adapter.architecture].filter(Boolean).join(' ');
  const machine = {
    engine: source,
    adapter: chip,
    nabla: version,
    node,
    platform: `${platform} ${arch}`,
  };
  const about = {
    name: basename(output),
    date: new Date().toISOString(),
    settings,
    machine,
    stepsPerSecond,
  };
  const run: Run = { ...facts, ...about, profile: profile && { ...profile, events: [] } };
  await writePage(report, [run]);
  print(`wrote ${report}; open it in a browser`);
}

/** Prints runs side by side, with the settings that differ, and writes a page that shows them so. */
export async function compareFiles(files: readonly string[], output: string): Promise<void> {
  if (files.length < 2) throw new NablaError('report: one file; name two or more to compare');
  await checkOutputs(
    [{ option: '--output', what: 'the page', file: output }],
    [{ what: 'a run', files }],
  );
  const runs = (await Promise.all(files.map(readPage))).flat();
  const names = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const differing = names.filter(
    (name) => new Set(runs.map(({ settings }) => String(settings[name]))).size > 1,
  );
  const rows = runs.map(({ name, test, steps, stepsPerSecond, settings }) => {
    // JSON has null for what is no number
    const cost = costText(test.cost ?? Number.NaN);
    const figures = [
      name,
      percent(test.accuracy ?? undefined),
      cost,
      count(steps),
      stepsPerSecond.toFixed(1),
    ];
    return [...figures, ...differing.map((setting) => String(settings[setting] ?? '–'))];
  });
  print(
    table(
      [['run', 'test accuracy', 'test cost', 'steps done', 'steps/s', ...differing], ...rows],
      true,
    ),
  );
  await writePage(output, runs);
  print(`wrote ${output}`);
}
