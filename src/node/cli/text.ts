// Formats numbers, lines and tables that the commands print.
import { createRequire } from 'node:module';
import { styleText } from 'node:util';
import type { Evaluation } from '../../train/evaluate.js';

const manifest: { version: string } = createRequire(import.meta.url)('nabla/package.json');
export const { version } = manifest;

/** Writes a line for people. */
export const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** A share from 0 to 1 in percent; a dash where there is none. */
export function percent(share = Number.NaN): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(2)}%` : '–';
}
export const count = (value: number): string => value.toLocaleString('en-US');
/** Four decimals, or exponential notation for large costs. */
export const costText = (cost: number): string =>
  cost < 1e4 ? cost.toFixed(4) : cost.toExponential(2);

/** Rows as lines with aligned columns; with `numbers` all columns but the first are aligned to the right. */
export function table(rows: readonly (readonly string[])[], numbers = false): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, { length }] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, length);
  const pad = (cell: string, i: number): string => {
    const width = widths[i]!;
    return numbers && i > 0 ? cell.padStart(width) : cell.padEnd(width);
  };
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** A model's results on the test set, as a line. */
export function resultLine({ accuracy, cost, examples }: Evaluation): string {
  const result = styleText('bold', `test accuracy ${percent(accuracy)}`);
  return `${result}  cost ${costText(cost)}  (${count(examples)} examples)`;
}
