// How far training is: a bar on a terminal, plain lines elsewhere.
import { createLogUpdate } from 'log-update';
import { costText, duration, style } from './text.js';

/** Where training is. Steps are counted over the whole run. */
export type Position = Readonly<Record<'epoch' | 'epochs' | 'step' | 'steps' | 'cost', number>>;

/** "312 steps/s  cost 0.2831  ETA 9 s", with the mean speed since the first step; tests between epochs count too. */
function speedometer(): (position: Position) => string {
  let first: { step: number; now: number } | undefined;
  return ({ step, steps, cost }) => {
    const now = performance.now();
    first ??= { step, now };
    const seconds = (now - first.now) / 1000;
    if (seconds < 0.25) return `cost ${costText(cost)}`;
    const rate = (step - first.step) / seconds;
    const speed = rate < 10 ? rate.toFixed(1) : Math.round(rate);
    return `${speed} steps/s  cost ${costText(cost)}  ETA ${duration((steps - step) / rate)}`;
  };
}

/** Columns for the figures beside the bar, so that it does not jump. */
const FIGURES = 56;

function barLine({ epoch, epochs, step, steps }: Position, figures: string, columns: number): string {
  const left = `epoch ${epoch}/${epochs}  `;
  const width = Math.max(8, Math.min(40, columns - left.length - FIGURES));
  const full = Math.round((width * step) / steps);
  const bar = `${style('cyan', '━'.repeat(full))}${style('dim', '─'.repeat(width - full))}`;
  return `${left}${bar}  ${Math.floor((100 * step) / steps)}%  ${figures}`;
}

/** A bar where standard output is a terminal that can redraw a line, lines elsewhere. */
export function openProgress(output: NodeJS.WriteStream = process.stdout) {
  const draw = output.isTTY && process.env.TERM !== 'dumb' ? createLogUpdate(output) : undefined;
  const figures = speedometer();
  const start = performance.now();
  let shown = draw ? Number.NEGATIVE_INFINITY : start;
  /** The bar moves ten times a second; plain lines come every second at first, later every ten. */
  const isDue = (): boolean => {
    const now = performance.now();
    const wait = draw ? 100 : Math.min(10_000, Math.max(1000, (now - start) / 10));
    if (now - shown < wait) return false;
    shown = now;
    return true;
  };
  const plain = (text: string): void => void output.write(`${text}\n`);
  return {
    /** Shows where training is, as often as the output bears. */
    at(position: Position): void {
      const text = figures(position);
      if (!isDue()) return;
      const { epoch, epochs, step, steps } = position;
      if (draw) draw(barLine(position, text, output.columns || 80));
      else plain(`epoch ${epoch}/${epochs}  step ${step}/${steps}  ${text}`);
    },
    /** Says what is going on where it may take a while. */
    status(text: string): void {
      if (draw) draw(text);
      else if (isDue()) plain(text);
    },
    /** Prints a line that stays. */
    line(text: string): void {
      draw?.clear();
      plain(text);
    },
    /** Takes the bar away and gives the cursor back. */
    stop(): void {
      draw?.clear();
      draw?.done();
    },
  };
}
