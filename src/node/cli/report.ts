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

/** A table of the kernels that took the most GPU time. */
function profileTable({ kernels, milliseconds, peaks }: Profile): string {
  const billions = (perSecond: number): string => (perSecond / 1e9).toFixed(1);
  const speeds = ({ flopsPerSecond, bytesPerSecond }: Profile['peaks']) =>
    [billions(flopsPerSecond), billions(bytesPerSecond)] as const;
  const rows = kernels.slice(0, SHOWN).map((kernel) => {
    const share = `${(100 * kernel.share).toFixed(1)}%`;
    const ofPeak = `${(100 * kernel.ofPeak).toFixed(0)}%`;
    const time = [count(kernel.calls), kernel.milliseconds.toFixed(1), share];
    return [kernel.kernel, ...time, ...speeds(kernel), ofPeak];
  });
  const head = ['kernel', 'calls', 'ms', 'share', 'GFLOP/s', 'GB/s', 'of peak'];
  const [flops, bytes] = speeds(peaks);
  const more = kernels.length > SHOWN ? ` of ${kernels.length} kernels` : '';
  const total = `${milliseconds.toFixed(1)} ms${more} in all; a probe reached ${flops} GFLOP/s and ${bytes} GB/s`;
  return `${table([head, ...rows], true)}\n${total}`;
}

/** The confusion matrix: a row for each label, with how many of its digits are read as each class. */
export function confusionTable(confusion: Predictions['confusion']): string {
  const head = ['read as', ...confusion.keys()].map(String);
  const rows = confusion.map((row, label) => [label, ...row].map(String));
  return table([head, ...rows], true);
}

/** What `nabla train` knows of a run when it is over, with the line that names the engine. */
type Facts = Omit<Run, 'name' | 'date' | 'settings' | 'machine' | 'stepsPerSecond' | 'epochs'> &
  Readonly<{ epochs: readonly EpochReport[]; source: string }>;

/** Prints the GPU time by kernel, if it was measured, and writes a run's trace and report. */
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
  const last = epochs.at(-1);
  const stepsPerSecond = last && timed > 0 ? last.step / timed : steps / seconds;
  const { platform, arch, version: node } = process;
  const chip = [adapter.vendor, adapter.architecture].filter(Boolean).join(' ');
  const software = { nabla: version, node, platform: `${platform} ${arch}` };
  const machine = { engine: source, adapter: chip, ...software };
  const date = new Date().toISOString();
  const about = { name: basename(output), date, settings, machine, stepsPerSecond };
  const run: Run = { ...facts, ...about, profile: profile && { ...profile, events: [] } };
  await writePage(report, [run]);
  print(`wrote ${report}; open it in a browser`);
}

/** Prints runs side by side, with the settings that differ, and writes a page that shows them so. */
export async function compareFiles(files: readonly string[], output: string): Promise<void> {
  if (files.length < 2) throw new NablaError('report: one file; name two or more to compare');
  const page = { option: '--output', what: 'the page', file: output };
  await checkOutputs([page], [{ what: 'a run', files }]);
  const runs = (await Promise.all(files.map(readPage))).flat();
  const names = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const differs = (name: string): boolean => {
    const values = runs.map(({ settings }) => String(settings[name]));
    return new Set(values).size > 1;
  };
  const differing = names.filter(differs);
  const rows = runs.map(({ name, test, steps, stepsPerSecond, settings }) => {
    // JSON has null for what is no number
    const results = [percent(test.accuracy ?? undefined), costText(test.cost ?? Number.NaN)];
    const figures = [name, ...results, count(steps), stepsPerSecond.toFixed(1)];
    return [...figures, ...differing.map((setting) => String(settings[setting] ?? '–'))];
  });
  const head = ['run', 'test accuracy', 'test cost', 'steps done', 'steps/s', ...differing];
  print(table([head, ...rows], true));
  await writePage(output, runs);
  print(`wrote ${output}`);
}
