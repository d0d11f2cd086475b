// GPU time of the kernels that ran since a moment, from an engine that measures it.
import type { Engine, KernelProfile } from '../../src/index.browser.js';
import type { KernelTime } from './protocol.js';

/** Kernels of the same name that do as much are one. */
const keyOf = ({ kernel, flops, bytes }: KernelProfile): string => `${kernel} ${flops} ${bytes}`;

interface Sum {
  calls: number;
  milliseconds: number;
}

export class KernelTimes {
  readonly #engine: Engine;
  readonly #before: ReadonlyMap<string, Sum>;

  private constructor(engine: Engine, before: ReadonlyMap<string, Sum>) {
    this.#engine = engine;
    this.#before = before;
  }

  /** Counts from now on. */
  static async start(engine: Engine): Promise<KernelTimes> {
    const sums = new Map<string, Sum>();
    for (const kernel of (await engine.profile()).kernels) {
      const sum = sums.get(keyOf(kernel)) ?? { calls: 0, milliseconds: 0 };
      sum.calls += kernel.calls;
      sum.milliseconds += kernel.milliseconds;
      sums.set(keyOf(kernel), sum);
    }
    return new KernelTimes(engine, sums);
  }

  /** What ran since, the longest first. */
  async read(): Promise<KernelTime[]> {
    const { kernels } = await this.#engine.profile();
    const found = new Map<string, KernelProfile>();
    for (const kernel of kernels) {
      const sum = found.get(keyOf(kernel)) ?? { calls: 0, milliseconds: 0 };
      const [calls, milliseconds] = [
        sum.calls + kernel.calls,
        sum.milliseconds + kernel.milliseconds,
      ];
      found.set(keyOf(kernel), { ...kernel, calls, milliseconds });
    }
    const fresh = [...found].map(([key, kernel]) => {
      const { calls, milliseconds } = this.#before.get(key) ?? { calls: 0, milliseconds: 0 };
      return {
        ...kernel,
        calls: kernel.calls - calls,
        milliseconds: kernel.milliseconds - milliseconds,
      };
    });
    const ran = fresh
      .filter(({ calls }) => calls > 0)
      .sort((a, b) => b.milliseconds - a.milliseconds);
    const total = ran.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    return ran.map(({ kernel, calls, milliseconds, flops, bytes }) => {
      const perSecond = milliseconds > 0 ? (1e3 * calls) / milliseconds : 0;
      const rates = { flopsPerSecond: flops * perSecond, bytesPerSecond: bytes * perSecond };
      const name = kernel.replaceAll('+', ' + ');
      return {
        name,
        microseconds: (1e3 * milliseconds) / calls,
        share: milliseconds / (total || 1),
        ...rates,
      };
    });
  }
}
