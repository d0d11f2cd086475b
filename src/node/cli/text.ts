// Formats numbers, lines and tables that the commands print.
import { createRequire } from 'node:module';
import { styleText } from 'node:util';
import type { Evaluation } from '../../train/evaluate.js';

export const { version } = createRequire(import.meta.url)('nabla/package.json') as {
  version: string;
};

/** Writes a line for people. */
export const print = (line: string): void => void process.stdout.write(`${line}\n`);

export const percent = (share: number | undefined): string =>
  Number.isFinite(share) ? `${(100 * share!).toFixed(2)}%` : '–';
export const count = (value: number): string => value.toLocaleString('en-US');
/** Four decimals, or powers of ten where those say little. */
export const costText = (cost: number): string =>
  cost < 1e4 ? cost.toFixed(4) : cost.toExponential(2);

/** Lines of equal columns; with `numbers` all but the first are aligned to the right. */
export function table(rows: readonly (readonly string[])[], numbers = false): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, i: number): string =>
    numbers && i > 0 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** What a test set says of a model. */
export const resultLine = ({ accuracy, cost, examples }: Evaluation): string =>
  `${styleText('bold', `test accuracy ${percent(accuracy)}`)}  cost ${costText(cost)}  (${count(examples)} examples)`;
