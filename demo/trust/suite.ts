// The kernel test-suite of the repository, run in this browser: generated calls of every op, and their gradients.
import fc from 'fast-check';
import type { Engine } from '../../src/index.browser.js';
import { combine } from '../../test/support/combine.js';
import { table } from '../../test/support/ops.js';
import type { TrustReply } from './protocol.js';

/** Elements of an input at most, and samples an op. */
const SIZE = 300;
const SAMPLES = 5;

/** Runs it, op by op, until it is done or `isWanted` says no. */
export async function runSuite(
  engine: Engine,
  seed: number,
  isWanted: () => boolean,
  post: (reply: TrustReply) => void,
): Promise<void> {
  const names = [...new Set(table.map(({ name }) => name))];
  for (const [done, name] of names.entries()) {
    const checks = [];
    for (const { samples, differentiable } of table.filter((each) => each.name === name)) {
      if (!isWanted()) return;
      const { tree, feeds } = combine(
        fc.sample(samples(SIZE), { seed, numRuns: SAMPLES }),
        differentiable,
      );
      checks.push(...(await engine.verify(tree, feeds)).checks);
    }
    const values = checks.reduce((sum, { checked }) => sum + checked, 0);
    const ratio = checks.reduce((worst, check) => Math.max(worst, check.worst.ratio), 0);
    post({
      type: 'op',
      name,
      kernels: checks.length,
      values,
      ratio,
      done: done + 1,
      of: names.length,
    });
  }
}
