// How far training is: a bar on a terminal, plain lines elsewhere.
import { stripVTControlCharacters, styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import type { Evaluation } from '../../train/evaluate.js';

export interface Position {
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done, and how many there will be, over the whole run. */
  readonly step: number;
  readonly steps: number;
  readonly cost: number;
}

export interface Progress {
  /** Shows where training is, as often as the output bears. */
  at(position: Position): void;
  /** Says what is going on where it may take a while. */
  status(text: string): void;
  /** Prints a line that stays. */
  line(text?: string): void;
  /** Takes the bar away and gives the cursor back. */
  stop(): void;
}

type Style = Parameters<typeof styleText>[0];
/** Text in a style where standard output shows it: not with NO_COLOR, not into a file. */
export const style = (how: Style, text: string): string => styleText(how, text, { stream: process.stdout });

/** "12 s", "3 min 05 s", "1 h 02 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

export const percent = (share: number | undefined): string =>
  share === undefined ? '–' : `${(100 * share).toFixed(2)}%`;
export const count = (value: number): string => value.toLocaleString('en-US');
/** What a test set says of a model. */
export const resultLine = ({ accuracy, cost, examples }: Evaluation): string =>
  `${style('bold', `test accuracy ${percent(accuracy)}`)}  cost ${costText(cost)}  (${count(examples)} examples)`;

/** Four decimals, or powers of ten where those say little. */
export const costText = (cost: number): string => (cost < 1e4 ? cost.toFixed(4) : cost.toExponential(2));

/** "312 steps/s  cost 0.2831  ETA 9 s", with the speed of about the last three seconds. */
function speedometer(): (position: Position) => string {
  let rate = 0;
  let last: { epoch: number; step: number; now: number } | undefined;
  return ({ epoch, step, steps, cost }) => {
    const now = performance.now();
    // Between two epochs is a test.
    if (last?.epoch !== epoch) last = { epoch, step, now };
    const seconds = (now - last.now) / 1000;
    if (seconds >= 0.25) {
      const measured = (step - last.step) / seconds;
      rate = rate === 0 ? measured : rate + (1 - Math.exp(-seconds / 3)) * (measured - rate);
      last = { epoch, step, now };
    }
    if (rate === 0) return `cost ${costText(cost)}`;
    const speed = rate < 10 ? rate.toFixed(1) : Math.round(rate);
    return `${speed} steps/s  cost ${costText(cost)}  ETA ${duration((steps - step) / rate)}`;
  };
}

/** Columns for the figures beside the bar, so that it does not jump. */
const FIGURES = 56;

function barLine({ epoch, epochs, step, steps }: Position, figures: string, columns: number): string {
  const left = `epoch ${epoch}/${epochs}  `;
  const right = `  ${Math.floor((100 * step) / steps)}%  ${figures}`;
  const width = Math.min(40, columns - left.length - FIGURES);
  if (width < 8) return `${left}${right.trim()}`.slice(0, columns - 1);
  const full = Math.round((width * step) / steps);
  return `${left}${style('cyan', '━'.repeat(full))}${style('dim', '─'.repeat(width - full))}${right}`;
}

function terminalProgress(output: NodeJS.WriteStream): Progress {
  const draw = createLogUpdate(output);
  const figures = speedometer();
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    at(position) {
      const text = figures(position);
      if (performance.now() - drawn < 100) return;
      drawn = performance.now();
      draw(barLine(position, text, output.columns || 80));
    },
    status: (text) => draw(text),
    line(text = '') {
      draw.clear();
      output.write(`${text}\n`);
    },
    stop() {
      draw.clear();
      draw.done();
    },
  };
}

/** A line a second at first, then less often, at least every ten seconds. */
function plainProgress(output: NodeJS.WriteStream): Progress {
  const figures = speedometer();
  const start = performance.now();
  let printed = start;
  const print = (text: string): void => {
    const now = performance.now();
    if (now - printed < Math.min(10_000, Math.max(1000, (now - start) / 10))) return;
    printed = now;
    output.write(`${text}\n`);
  };
  return {
    at(position) {
      const { epoch, epochs, step, steps } = position;
      print(`epoch ${epoch}/${epochs}  step ${step}/${steps}  ${figures(position)}`);
    },
    status: print,
    line: (text = '') => void output.write(`${stripVTControlCharacters(text)}\n`),
    stop() {},
  };
}

/** A bar where standard output is a terminal that can redraw a line, lines elsewhere. */
export const openProgress = (output: NodeJS.WriteStream = process.stdout): Progress =>
  output.isTTY && process.env.TERM !== 'dumb' ? terminalProgress(output) : plainProgress(output);
