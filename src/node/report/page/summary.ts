// The page's head and the section "Summary": a run's main figures, or a table that compares runs.
import type { Run } from '../data.js';
import { addTable, byId, make, nameInColour } from './elements.js';
import { costText, count, duration, percent } from './format.js';

const headOf = (title: string): void => {
  document.title = `${title} · Nabla report`;
  byId('title').textContent = title;
};

/** Names and values of a run's main figures. */
const figuresOf = ({
  test,
  steps,
  seconds,
  stepsPerSecond,
}: Run): (readonly [name: string, value: string])[] => [
  ['Test accuracy', percent(test.accuracy)],
  ['Test cost', costText(test.cost)],
  ['Steps', count(steps)],
  ['Steps / s', stepsPerSecond.toFixed(1)],
  ['Time', duration(seconds)],
];

export function showSummary(run: Run): void {
  headOf(run.name);
  const when = new Date(run.date).toLocaleString('en', { dateStyle: 'long', timeStyle: 'short' });
  byId('subtitle').textContent = `${run.model} · ${count(run.parameters)} parameters · ${when}`;
  const items = figuresOf(run).map(([name, value]) => {
    const term = make('dt', {}, name);
    return make('div', {}, term, make('dd', {}, value));
  });
  byId('summary').append(make('dl', { class: 'figures' }, ...items));
}

export function showComparison(runs: readonly Run[]): void {
  headOf(`${runs.length} runs compared`);
  const rows = runs.map((run, i) => {
    const values = figuresOf(run).map(([, value]) => value);
    return [nameInColour(run.name, i), ...values, count(run.parameters), run.model];
  });
  const names = runs.slice(0, 1).flatMap((run) => figuresOf(run).map(([name]) => name));
  addTable(byId('summary'), {
    label: 'Results',
    head: ['Run', ...names, 'Parameters', 'Model'],
    rows,
  });
}
