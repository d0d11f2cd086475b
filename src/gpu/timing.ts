// How long a call of a kernel takes, by a coarse clock: it is repeated until the clock can tell.

/** Milliseconds for which a kernel is repeated at least: Chrome rounds times to 65,536 ns, 1.3 % of them at either end. */
const MEASURED = 5;
const ROUNDING = 0.065_536; // ms
/** How many times as long as the best a kernel takes that is given up early. */
const FAR = 2;
/** How many times as many calls come next, at most, where the clock has seen little. */
const GROWTH = 8;
/** Milliseconds of waiting after which a clock that has not seen MEASURED is not to be trusted. */
const PATIENCE = 100;

/** What a kernel's time is compared with. */
export interface Race {
  /** The time of the best so far, in milliseconds. */
  readonly best?: number;
  /** The host's time, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Milliseconds that one call takes, where `run` gives the milliseconds of so many in a row. Infinity where they are far more
 * than the best's; undefined where the clock does not tell.
 */
export async function timeOfCall(
  run: (calls: number) => Promise<number>,
  { best = Number.POSITIVE_INFINITY, now = () => performance.now() }: Race = {},
): Promise<number | undefined> {
  for (let calls = 1; ; ) {
    const began = now();
    const milliseconds = await run(calls);
    if (milliseconds - 2 * ROUNDING > FAR * best * calls) return Number.POSITIVE_INFINITY;
    if (milliseconds >= MEASURED) return milliseconds / calls;
    if (now() - began > PATIENCE) return undefined;
    const wanted = (1.2 * MEASURED) / Math.max(milliseconds, ROUNDING);
    calls *= Math.ceil(Math.min(GROWTH, Math.max(2, wanted)));
  }
}
