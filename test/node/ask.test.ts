import { describe, expect, it } from 'vitest';
import { ask } from '../../src/node/dawn.js';

/** Something that is done after `milliseconds` and polls as Dawn does; counts its polls. */
function polling(milliseconds: number): { promise: () => Promise<void>; polls: () => number } {
  let polls = 0;
  const promise = (): Promise<void> =>
    new Promise((resolve) => {
      const end = performance.now() + milliseconds;
      const poll = (): void => {
        polls++;
        if (performance.now() < end) globalThis.setImmediate(poll);
        else resolve();
      };
      globalThis.setImmediate(poll);
    });
  return { promise, polls: () => polls };
}

describe('ask', () => {
  it('makes polls rare for as long as a promise is pending, and comes back soon after it', async () => {
    const { promise, polls } = polling(200);
    const begin = performance.now();
    await ask(promise);
    expect(performance.now() - begin).toBeLessThan(400); // 200 and an eighth, and some for a busy machine
    expect(polls()).toBeGreaterThan(3);
    expect(polls()).toBeLessThan(100);
  });

  it('lets polls that others ask for alone', async () => {
    const own = globalThis.setImmediate;
    const asked = ask(polling(20).promise);
    expect(globalThis.setImmediate).toBe(own);
    const { promise, polls } = polling(20);
    await Promise.all([asked, promise()]);
    expect(polls()).toBeGreaterThan(20);
    expect(globalThis.setImmediate).toBe(own);
  });
});
