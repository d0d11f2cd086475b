// npm run bench -- --model h200,m3: the cases on paper; with `measured` among the cards also on the adapter at hand.
import { GpuBackend } from '../../../src/gpu/backend.js';
import { findAdapter, forcedClass } from '../../../src/node/dawn.js';
import { programOf } from '../contenders/nabla.js';
import type { Case } from '../problems.js';
import { cards } from './cards.js';
import { measuredCard, measuredTime } from './measured.js';
import { dispatchesIn, dispatchesOfCase } from './plans.js';
import { workOf } from './predict.js';
import { dispatchTable, errorTable, type PaperCase, stepTable } from './tables.js';

const MEASURED = 'measured';
type Print = (text: string) => void;

/** Predicts the steps of cases on the cards that are named. Throws RangeError for a card that it does not know. */
export async function runModel(
  names: readonly string[],
  cases: readonly Case[],
  print: Print,
): Promise<void> {
  const known = [...Object.keys(cards), MEASURED];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new RangeError(`--model: ${unknown} is none of ${known.join(', ')}`);
  const chosen = names.flatMap((name) => cards[name] ?? []);
  if (chosen.length > 0) {
    const all = cases.map(({ name, make }): PaperCase => {
      const works = dispatchesOfCase(make()).map(workOf);
      print(`${dispatchTable({ name, works }, chosen)}\n`);
      return { name, works };
    });
    print(`${stepTable(all, chosen)}\n`);
  }
  if (names.includes(MEASURED)) await runMeasured(cases, print);
}

async function runMeasured(cases: readonly Case[], print: Print): Promise<void> {
  const found = await findAdapter();
  if ('missing' in found) throw new RangeError(found.missing);
  const adapterClass = forcedClass();
  const backend = await GpuBackend.open(found.adapter, { profile: true, adapterClass });
  const card = await measuredCard(backend);
  print(`${found.source}: ${JSON.stringify(card)}\n\n`);
  const times = new Map<string, number>();
  const all: PaperCase[] = [];
  for (const { name, make } of cases.filter(
    ({ gpuOnly }) => !(gpuOnly && backend.info.adapter.software),
  )) {
    const dispatches = dispatchesIn(programOf(make()), backend.context);
    for (const dispatch of dispatches)
      if (!times.has(dispatch.wgsl))
        times.set(dispatch.wgsl, await measuredTime(backend, dispatch));
    const measured = dispatches.map(({ wgsl }) => times.get(wgsl)!);
    const paper = { name, measured, works: dispatches.map(workOf) };
    print(`${dispatchTable(paper, [card])}\n`);
    all.push(paper);
  }
  print(`${errorTable(all, card)}\n`);
  backend.dispose();
}
