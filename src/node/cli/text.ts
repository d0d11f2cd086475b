// How the commands write numbers and lines.
import { styleText } from 'node:util';
import type { Evaluation } from '../../train/evaluate.js';

/** Writes a line for people. */
export type Print = (line: string) => void;

export const percent = (share: number | undefined): string =>
  Number.isFinite(share) ? `${(100 * share!).toFixed(2)}%` : '–';
export const count = (value: number): string => value.toLocaleString('en-US');
/** Four decimals, or powers of ten where those say little. */
export const costText = (cost: number): string => (cost < 1e4 ? cost.toFixed(4) : cost.toExponential(2));

/** What a test set says of a model. */
export const resultLine = ({ accuracy, cost, examples }: Evaluation): string =>
  `${styleText('bold', `test accuracy ${percent(accuracy)}`)}  cost ${costText(cost)}  (${count(examples)} examples)`;
