// How far training is: a bar on a terminal, plain lines elsewhere.
import { createLogUpdate } from 'log-update';
import { costText, duration, style } from './text.js';

/** Where training is. Steps are counted over the whole run. */
export type Position = Readonly<Record<'epoch' | 'epochs' | 'step' | 'steps' | 'cost', number>>;

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
  const right = `${Math.floor((100 * step) / steps)}%  ${figures}`;
  const width = Math.min(40, columns - left.length - FIGURES);
  if (width < 8) return `${left}${right}`.slice(0, columns - 1);
  const full = Math.round((width * step) / steps);
  return `${left}${style('cyan', '━'.repeat(full))}${style('dim', '─'.repeat(width - full))}  ${right}`;
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
