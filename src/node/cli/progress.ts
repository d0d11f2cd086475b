// How far training is: a bar on a terminal, plain lines elsewhere.
import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import { costText } from './text.js';

/** Where training is. Steps are counted over the whole run. */
export type Position = Readonly<Record<'epoch' | 'epochs' | 'step' | 'steps' | 'cost', number>>;

/** Columns for the figures beside the bar, so that it does not jump. */
const FIGURES = 56;

function barLine({ epoch, epochs, step, steps }: Position, figures: string, columns: number): string {
  const left = `epoch ${epoch}/${epochs}  `;
  const width = Math.max(8, Math.min(40, columns - left.length - FIGURES));
  const full = Math.round((width * step) / steps);
  const bar = `${styleText('cyan', '━'.repeat(full))}${styleText('dim', '─'.repeat(width - full))}`;
  return `${left}${bar}  ${Math.floor((100 * step) / steps)}%  ${figures}`;
}

/** A bar where the output is a terminal that can redraw a line, lines elsewhere. */
export function openProgress(output: NodeJS.WriteStream = process.stdout) {
  const canRedraw = output.isTTY && output.columns > 0 && process.env.TERM !== 'dumb';
  const draw = canRedraw ? createLogUpdate(output) : undefined;
  const print = (text: string): void => void output.write(`${text}\n`);
  const start = performance.now();
  let first: { step: number; now: number } | undefined;
  let shown = draw ? Number.NEGATIVE_INFINITY : start;
  /** The bar moves ten times a second; plain lines come every second at first, later every ten. */
  const show = (text: string): void => {
    const now = performance.now();
    if (now - shown < (draw ? 100 : Math.min(10_000, Math.max(1000, (now - start) / 10)))) return;
    shown = now;
    (draw ?? print)(text);
  };
  return {
    /** Shows where training is, with the mean speed since the first step; tests between epochs count too. */
    at(position: Position): void {
      const { epoch, epochs, step, steps, cost } = position;
      first ??= { step, now: performance.now() };
      if (step === first.step) return;
      const rate = (1000 * (step - first.step)) / (performance.now() - first.now);
      const left = (steps - step) / rate;
      const eta = left < 100 ? `${left.toFixed(0)} s` : `${(left / 60).toFixed(1)} min`;
      const figures = `${rate.toFixed(rate < 10 ? 1 : 0)} steps/s  cost ${costText(cost)}  ETA ${eta}`;
      if (draw) show(barLine(position, figures, output.columns));
      else show(`epoch ${epoch}/${epochs}  step ${step}/${steps}  ${figures}`);
    },
    /** Says what is going on where it may take a while. */
    status: show,
    /** Prints a line that stays. */
    line: draw?.persist ?? print,
    /** Takes the bar away and gives the cursor back. */
    stop(): void {
      draw?.clear();
      draw?.done();
    },
  };
}
