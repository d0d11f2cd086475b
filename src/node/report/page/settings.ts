// The section "Settings": options, engine and versions of a run, or where those of several runs differ.
import type { Run, Setting } from '../data.js';
import { addTable, byId, type Cell, make, nameInColour } from './elements.js';
import { words } from './format.js';

type Settings = Readonly<Record<string, Setting>>;

export function showSettings(runs: readonly Run[]): void {
  const all = runs.map(({ settings, machine }): Settings => ({ ...settings, ...machine }));
  const names = [...new Set(all.flatMap((each) => Object.keys(each)))];
  const box = byId('options');
  if (runs.length === 1) {
    addSettings(box, 'Settings', ['Value'], names, all);
    return;
  }
  const differs = (name: string): boolean => {
    const values = all.map((each) => String(each[name]));
    return new Set(values).size > 1;
  };
  const heading = box.previousElementSibling;
  if (heading) heading.textContent = 'Settings that differ';
  const runNames = runs.map(({ name }, i) => nameInColour(name, i));
  addSettings(box, 'Settings that differ', runNames, names.filter(differs), all);
  const same = make('details', {}, make('summary', {}, 'Settings that are the same'));
  const equal = names.filter((name) => !differs(name));
  addSettings(same, 'Settings that are the same', ['Value'], equal, all.slice(0, 1));
  box.append(same);
}

/** A table with a row for each name and a column for each run's values. */
function addSettings(
  box: HTMLElement,
  label: string,
  columns: readonly Cell[],
  names: readonly string[],
  all: readonly Settings[],
): void {
  const cellOf = (value: Setting): Cell => make('td', { class: 'words' }, String(value ?? '–'));
  const rows = names.map((name) => [words(name), ...all.map((each) => cellOf(each[name]))]);
  addTable(box, { label, head: ['Setting', ...columns], rows, kind: 'words' });
}
