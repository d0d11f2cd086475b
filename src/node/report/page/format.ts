// How the page writes numbers and names as text.
import type { Figure } from '../data.js';

/** Four decimals, or exponential notation where those would show too little or too much. */
const decimals = (value: number): string =>
  value < 1e-3 || value >= 1e4 ? value.toExponential(2) : value.toFixed(4);

const isNumber = (value: Figure | undefined): value is number => Number.isFinite(value);

export const costText = (value: Figure | undefined): string =>
  isNumber(value) ? decimals(value) : 'NaN';

/** A share from 0 to 1 in percent. */
export const percent = (share: Figure | undefined): string =>
  isNumber(share) ? `${(100 * share).toFixed(2)}%` : '–';

/** With a comma at each thousand. */
export const count = (value: number): string => value.toLocaleString('en-US');

export function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  return `${(seconds / 60).toFixed(1)} min`;
}

/** In billions a second: GFLOP/s or GB/s. */
export const rate = (perSecond: number): string =>
  (perSecond / 1e9).toFixed(perSecond < 1e10 ? 2 : 1);

/** An option's name in words: learningRate is "learning rate". */
export const words = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
