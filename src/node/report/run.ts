// Writes and reads report pages: one HTML file that holds its style, its script and the data of its runs as JSON.
import { readFile } from 'node:fs/promises';
import chartStyle from 'uplot/dist/uPlot.min.css?raw';
import { NablaError } from '../../core/errors.js';
import type { PlanView } from '../../graph/backend.js';
import { saveFile, withFile } from '../files.js';
import type { PlanData, Run } from './data.js';
import script from './page/index.ts?script';
import parts from './parts.css?raw';
import style from './report.css?raw';
import template from './report.html?raw';

/** Returns a plan that holds each kernel's WGSL once: an unrolled network runs the same kernels hundreds of times. */
export function shrinkPlan(plan: PlanView): PlanData {
  const texts = [...new Set(plan.dispatches.map(({ wgsl }) => wgsl))];
  const dispatches = plan.dispatches.map((each) => {
    return { ...each, wgsl: texts.indexOf(each.wgsl) };
  });
  return { ...plan, texts, dispatches };
}

/** Points of a cost curve that a page keeps. */
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
    .replace('/*script*/', () => script)
    .replace(/(?<="runs">)\[\]/, () => JSON.stringify(thin).replaceAll('<', '\\u003c'));
  await saveFile(file, new TextEncoder().encode(page));
}

/** Reads the runs that a page shows. Throws NablaError naming the file where it is no such page. */
export const readPage = (file: string): Promise<Run[]> =>
  withFile(file, async () => {
    const page = await readFile(file, 'utf8');
    const text = /<script type="application\/json" id="runs">(.*?)<\/script>/s.exec(page)?.[1];
    if (text === undefined) throw new NablaError('it is no report that nabla train writes');
    const runs: Run[] = JSON.parse(text);
    if (!Array.isArray(runs) || !runs.every((run) => run?.costs && run.settings && run.test))
      throw new NablaError('it holds no runs as this version of nabla train writes them');
    // a page of one run goes by its file, since models of several folders may share a name
    const ownName = file.replace(/(\.report)?\.html$/, '');
    return runs.map((run) => ({ ...run, name: runs.length > 1 ? run.name : ownName }));
  });
