// How the commands write numbers and lines.
import { styleText } from 'node:util';
import type { Evaluation } from '../../train/evaluate.js';

/** Writes a line for people. */
export type Print = (line: string) => void;

/** Text in a style where standard output shows it: not with NO_COLOR, not into a file. */
export const style = (how: Parameters<typeof styleText>[0], text: string): string =>
  styleText(how, text, { stream: process.stdout });

/** "12 s", "3 min 05 s". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

export const percent = (share: number | undefined): string =>
  share === undefined ? '–' : `${(100 * share).toFixed(2)}%`;
export const count = (value: number): string => value.toLocaleString('en-US');
/** Four decimals, or powers of ten where those say little. */
export const costText = (cost: number): string => (cost < 1e4 ? cost.toFixed(4) : cost.toExponential(2));

/** What a test set says of a model. */
export const resultLine = ({ accuracy, cost, examples }: Evaluation): string =>
  `${style('bold', `test accuracy ${percent(accuracy)}`)}  cost ${costText(cost)}  (${count(examples)} examples)`;

/** Lines "  label  text" within 80 columns; what goes over stands under the text. */
export function wrapped(text: string): string {
  const lines = text.split('\n').map((line) => wrap(line, /^ {2}\S.*? {2,}/.exec(line)?.[0].length ?? 4));
  return lines.join('\n');
}

function wrap(line: string, indent: number): string {
  const fit = /^(.{0,79}\S) +(?=\S)/.exec(line.trimEnd().length > 80 ? line : '')?.[1];
  return fit ? `${fit}\n${wrap(' '.repeat(indent) + line.slice(fit.length).trim(), indent)}` : line.trimEnd();
}
