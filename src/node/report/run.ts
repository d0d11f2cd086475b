// What a training run leaves behind, as plain data, and the page that shows it: the data travel in the page itself.
import { readFile } from 'node:fs/promises';
import chartScript from 'uplot/dist/uPlot.iife.min.js?raw';
import chartStyle from 'uplot/dist/uPlot.min.css?raw';
import { NablaError } from '../../errors.js';
import type { PlanView } from '../../graph/backend.js';
import type { Evaluation } from '../../train/evaluate.js';
import { saveFile, withFile } from '../files.js';
import charts from './charts.js?raw';
import parts from './parts.css?raw';
import style from './report.css?raw';
import template from './report.html?raw';
import script from './report.js?raw';

/** What is read of a training run; its page shows all that `nabla train` puts there. */
export interface Run {
  /** What tells it from others: the model's file. */
  readonly name: string;
  /** The command's options by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** [step, cost of its batch], of so many steps as came back. */
  readonly costs: readonly (readonly [number, number])[];
  readonly steps: number;
  readonly stepsPerSecond: number;
  readonly test: Evaluation;
}

/** A plan with each kernel's text once, known by its place: an unrolled network runs the same kernels hundreds of times. */
export function shrinkPlan(plan: PlanView) {
  const texts = [...new Set(plan.dispatches.map(({ wgsl }) => wgsl))];
  return { ...plan, texts, dispatches: plan.dispatches.map((each) => ({ ...each, wgsl: texts.indexOf(each.wgsl) })) };
}

/** Of a cost curve in a page. */
const MOST_POINTS = 2000;

/** Writes runs as one page that needs no other file. */
export async function writePage(file: string, runs: readonly Run[]): Promise<void> {
  const thin = runs.map(({ costs, ...run }) => {
    const stride = Math.ceil(costs.length / MOST_POINTS);
    return { ...run, costs: costs.filter((_, i) => (costs.length - 1 - i) % stride === 0) };
  });
  // functions, since a `$` in a text for `replace` has a meaning; no tag can end the runs' element
  const page = template
    .replace('/*style*/', () => `${chartStyle}\n${style}\n${parts}`)
    .replace('/*script*/', () => `${chartScript}\n${charts}\n${script}`)
    .replace(/(?<="runs">)\[\]/, () => JSON.stringify(thin).replaceAll('<', '\\u003c'));
  await saveFile(file, new TextEncoder().encode(page));
}

/** The runs that a page shows. Throws NablaError naming the file where it is no such page. */
export const readPage = (file: string): Promise<Run[]> =>
  withFile(file, async () => {
    const page = await readFile(file, 'utf8');
    const text = /<script type="application\/json" id="runs">(.*?)<\/script>/s.exec(page)?.[1];
    if (text === undefined) throw new NablaError('it is no report that nabla train writes');
    const runs = JSON.parse(text) as Run[];
    if (!Array.isArray(runs) || !runs.every((run) => run?.costs && run.settings && run.test))
      throw new NablaError('it holds no runs as this version of nabla train writes them');
    // a page of one run goes by its file, since models of several folders may share a name
    return runs.map((run) => ({ ...run, name: runs.length > 1 ? run.name : file.replace(/(\.report)?\.html$/, '') }));
  });
