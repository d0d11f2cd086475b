// Tables of results, in Markdown.
import { markdownTable } from 'markdown-table';
import type { Result, Timing } from './measure.js';

export const { format } = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${markdownTable([head, ...rows], { align: ['l', ...head.slice(1).map(() => 'r')] })}\n`;
}

/** 12.3 (11.9–13), or why there is no number. */
function timeOf(timing: Timing): string {
  if ('reason' in timing) return timing.reason;
  return `${format(timing.median)} (${timing.quartiles.map(format).join('–')})`;
}
const ratioOf = (timing: Timing): string =>
  'ratio' in timing && timing.ratio !== undefined ? `${format(timing.ratio)}×` : '';

/** What is done in a second: of a product or a language model. */
function rateOf({ flops, tokens }: Result, own: Timing): string {
  if (!('median' in own)) return '';
  if (flops) return `${format(flops / own.median / 1e6)} GFLOP/s`;
  return tokens ? `${format((1e3 * tokens) / own.median)} tokens/s` : '';
}

/** Milliseconds a step: medians, quartiles, and how many times as long as Nabla the others take. */
export function timeTable(results: readonly Result[]): string {
  const names = Object.keys(results[0]?.timings ?? {});
  const [first, ...others] = names;
  const head = ['ms a step', `${first}`, 'rate', ...others.flatMap((name) => [name, 'ratio'])];
  const rows = results.map((result) => {
    const { name, timings } = result;
    const own = timings[first!]!;
    const rest = others.flatMap((other) => [timeOf(timings[other]!), ratioOf(timings[other]!)]);
    return [name, timeOf(own), rateOf(result, own), ...rest];
  });
  return table(head, rows);
}

/** What the host spends, against 100 µs + 5 µs a dispatch; the engine's peak against the most that is live at one time. */
export function factsTable(results: readonly Result[]): string {
  const megabytes = (bytes: number): string => format(bytes / 2 ** 20);
  const rows = results.flatMap(({ name, facts }) => {
    if (!facts) return [];
    const {
      dispatches,
      dispatchesUnfused,
      hostMicroseconds,
      fedMicroseconds,
      liveBytes,
      peakBytes,
    } = facts;
    const host = [...hostMicroseconds, 100 + 5 * dispatches, fedMicroseconds[1]].map(format);
    const bytes = [megabytes(liveBytes), megabytes(peakBytes), `${format(peakBytes / liveBytes)}×`];
    return [[name, `${dispatches}`, `${dispatchesUnfused}`, ...host, ...bytes]];
  });
  const host = ['host µs, quartile', 'median', 'allowed', 'median, fed'];
  const head = ['Nabla', 'dispatches', 'unfused', ...host, 'live MiB', 'peak MiB', 'ratio'];
  return rows.length > 0 ? table(head, rows) : '';
}

/** One row for each contender: `columns` of numbers, or a reason. */
export function contenderTable(
  title: string,
  columns: readonly string[],
  rows: Readonly<Record<string, Readonly<Record<string, number>> | { reason: string }>>,
): string {
  const cells = Object.entries(rows).map(([name, values]) => [
    name,
    ...('reason' in values
      ? [String(values.reason)]
      : columns.map((column) => format(values[column] ?? Number.NaN))),
  ]);
  return table([title, ...columns], cells);
}
