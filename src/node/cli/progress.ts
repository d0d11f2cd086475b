// Shows the progress of training: a bar on a terminal, plain lines elsewhere.
import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import { costText, print } from './text.js';

/** Where training is. Steps are counted over the whole run. */
type Position = Readonly<Record<'epoch' | 'epochs' | 'step' | 'steps' | 'cost', number>>;

/** Columns for the figures beside the bar, so that it does not jump. */
const FIGURES = 56;

/** A bar where the output is a terminal that can redraw a line, lines elsewhere. */
export function openProgress() {
  const output = process.stdout;
  const canRedraw = output.isTTY && output.columns > 0 && process.env.TERM !== 'dumb';
  const draw = canRedraw ? createLogUpdate(output) : undefined;
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
    at({ epoch, epochs, step, steps, cost }: Position) {
      first ??= { step, now: performance.now() };
      if (step === first.step) return;
      const rate = (1000 * (step - first.step)) / (performance.now() - first.now);
      const left = (steps - step) / rate;
      const eta = left < 100 ? `${left.toFixed(0)} s` : `${(left / 60).toFixed(1)} min`;
      const place = `epoch ${epoch}/${epochs}  `;
      const figures = `${rate.toFixed(rate < 10 ? 1 : 0)} steps/s  cost ${costText(cost)}  ETA ${eta}`;
      if (!draw) return show(`${place}step ${step}/${steps}  ${figures}`);
      const width = Math.max(8, Math.min(40, output.columns - place.length - FIGURES));
      const full = Math.round((width * step) / steps);
      const bar = `${styleText('cyan', '━'.repeat(full))}${styleText('dim', '─'.repeat(width - full))}`;
      show(`${place}${bar}  ${Math.floor((100 * step) / steps)}%  ${figures}`);
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
