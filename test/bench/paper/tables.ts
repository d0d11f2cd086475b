// Tables of what the model predicts, in Markdown: the dispatches of a case, alike ones in one row, and the steps of all cases.
import { quantile } from 'simple-statistics';
import { format, table } from '../report.js';
import type { Card } from './cards.js';
import { inFlight, type Prediction, predict, serialOf, type Work } from './predict.js';

/** A case on paper: its dispatches in order, and where an adapter ran them, how long each took, in nanoseconds. */
export interface PaperCase {
  readonly name: string;
  readonly works: readonly Work[];
  readonly measured?: readonly number[];
}

/** The sums of a step's dispatches, and the largest ratio among them. */
export interface StepPrediction {
  readonly floor: number;
  readonly time: number;
  readonly ratio: number;
  readonly worst: number;
}
export function predictStep(works: readonly Work[], card: Card): StepPrediction {
  const all = works.map((work) => predict(work, card));
  const sum = (key: 'floor' | 'time'): number => all.reduce((total, each) => total + each[key], 0);
  const [floor, time] = [sum('floor'), sum('time')];
  return { floor, time, ratio: time / floor, worst: Math.max(...all.map(({ ratio }) => ratio)) };
}

const micro = (nanoseconds: number): string => format(nanoseconds / 1e3);
const short = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;

const predicted = ({ floor, time, ratio, bound }: Prediction): string[] => [
  micro(floor),
  micro(time),
  `${format(ratio)} ${bound}`,
];

/** What a dispatch is, whatever the card. */
function described(work: Work): string[] {
  const { kernel, ops, workgroups, invocations, flops, bytes } = work;
  const { global, shared } = serialOf(work);
  return [
    ...[short(kernel, 32), short(ops.join(' '), 40), `${workgroups} × ${invocations}`],
    ...[format(flops / 1e6), format(bytes / 1e6)],
    ...[`${Math.ceil(global)} + ${Math.ceil(shared)}`, format(inFlight(work))],
  ];
}
const facts = ['kernel', 'ops', 'workgroups', 'MFLOP', 'MB', 'steps', 'in flight'];

/** The dispatches of a case. Steps are loads of buffers and of workgroup memory that wait for one another. */
export function dispatchTable(
  { name, works, measured }: PaperCase,
  cards: readonly Card[],
): string {
  const seen = new Map<string, { cells: string[]; numbers: number[] }>();
  for (const [i, work] of works.entries()) {
    const cells = [
      ...described(work),
      ...cards.flatMap((card) => predicted(predict(work, card))),
      ...(measured ? [micro(measured[i]!)] : []),
    ];
    const key = cells.join();
    const known = seen.get(key) ?? { cells, numbers: [] };
    known.numbers.push(i);
    seen.set(key, known);
  }
  const heads = cards.flatMap((card) => [`${card.name}: floor µs`, 'predicted µs', 'ratio']);
  const head = [name, 'calls', ...facts, ...heads, ...(measured ? ['measured µs'] : [])];
  const rows = Array.from(seen.values(), ({ cells, numbers }) => [
    ...[`${numbers[0]}`, `${numbers.length}`, ...cells],
  ]);
  return table(head, rows);
}

/** One row for each case: the sums of its dispatches. */
export function stepTable(cases: readonly PaperCase[], cards: readonly Card[]): string {
  const heads = cards.flatMap((card) => [
    ...[`${card.name}: floor µs`, 'predicted µs', 'ratio', 'worst dispatch'],
  ]);
  const rows = cases.map(({ name, works }) => [
    ...[name, `${works.length}`],
    ...cards.flatMap((card) => {
      const { floor, time, ratio, worst } = predictStep(works, card);
      return [micro(floor), micro(time), format(ratio), format(worst)];
    }),
  ]);
  return table(['a step', 'dispatches', ...heads], rows);
}

/** How far predictions are from measured times: quartiles of predicted ÷ measured, over the dispatches of each case. */
export function errorTable(cases: readonly PaperCase[], card: Card): string {
  const rows = cases.flatMap(({ name, works, measured }) => {
    if (!measured || measured.length === 0) return [];
    const times = works.map((work) => predict(work, card).time);
    const ratios = times.map((time, i) => time / measured[i]!);
    const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0);
    const quartiles = [0.25, 0.5, 0.75].map((part) => format(quantile(ratios, part)));
    return [[name, micro(sum(measured)), micro(sum(times)), ...quartiles]];
  });
  const head = ['predicted ÷ measured', 'measured µs', 'predicted µs', 'quartile', 'median'];
  return rows.length > 0 ? table([...head, 'quartile'], rows) : '';
}
