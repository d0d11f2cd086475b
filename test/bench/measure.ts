// Runs one problem on all contenders: checks each, then times blocks of steps in turn, so that noise hits all alike.
import { median, quantile } from 'simple-statistics';
import type { Engine } from '../../src/index.common.js';
import type { Contender, Facts, Runner } from './contenders/contender.js';
import type { Case, Problem } from './problems.js';
import { type Check, checkOf, STEPS } from './verify.js';

export interface Settings {
  readonly blocks: number;
  /** A block has as many steps as fit into this, at least one. */
  readonly blockMilliseconds: number;
}
export const settings = {
  quick: { blocks: 3, blockMilliseconds: 60 },
  full: { blocks: 9, blockMilliseconds: 300 },
} as const satisfies Record<string, Settings>;

/** Milliseconds a step, over blocks; or why there is no time. */
export type Timing =
  | {
      readonly median: number;
      readonly quartiles: readonly [number, number];
      readonly blocks: number;
      readonly steps: number;
      /** How many times as long as the first contender: the median over blocks that ran side by side. */
      readonly ratio: number | undefined;
    }
  | { readonly reason: string };

export interface Result {
  readonly name: string;
  /** Operations of one step, where they are easily counted. */
  readonly flops?: number;
  /** Tokens of one step of a language model. */
  readonly tokens?: number;
  readonly timings: Readonly<Record<string, Timing>>;
  readonly facts?: Facts | undefined;
}

interface Entrant {
  readonly name: string;
  runner?: Runner | undefined;
  reason?: string;
  steps: number;
  samples: number[];
}

/** Batches on which a contender may be right: where a ReLU's argument rounds across 0, results differ rightly. */
const BATCHES = 2;

interface Checked {
  readonly problem: Problem;
  readonly check: Check;
}

/** Measures a case; `reference` is a CPU engine. */
export async function measure(
  { name, make }: Pick<Case, 'name' | 'make'>,
  contenders: readonly Contender[],
  reference: Engine,
  { blocks, blockMilliseconds }: Settings,
): Promise<Result> {
  const known: Checked[] = [];
  const batch = async (seed: number): Promise<Checked> => {
    const problem = known[seed]?.problem ?? make(seed);
    known[seed] ??= { problem, check: await checkOf(problem, reference) };
    return known[seed];
  };
  const entrants = contenders.map(({ name }): Entrant => ({ name, steps: 1, samples: [] }));
  for (const [i, contender] of contenders.entries())
    await attempt(entrants[i]!, () => enter(contender, batch, entrants[i]!, blockMilliseconds));
  for (let block = 0; block < blocks; block++)
    for (let i = 0; i < entrants.length; i++) {
      const entrant = entrants[(i + block) % entrants.length]!;
      if (entrant.runner)
        await attempt(entrant, async () => void entrant.samples.push(await time(entrant)));
    }
  for (const { runner } of entrants) runner?.dispose();
  const timings = Object.fromEntries(
    entrants.map((entrant) => [entrant.name, summary(entrant, entrants[0]!)]),
  );
  const { problem } = await batch(0);
  return { name, ...workOf(problem), timings };
}

/** What a step does, where that is easily counted. */
function workOf(problem: Problem): Pick<Result, 'flops' | 'tokens'> {
  if (problem.kind === 'matmul') return { flops: 2 * problem.size ** 3 };
  if (problem.kind === 'operation') return problem.flops ? { flops: problem.flops } : {};
  return problem.tokens ? { tokens: problem.tokens } : {};
}

/** What a contender tells of itself at a case. Others in its process, their heaps and threads, would cost its host time. */
export async function factsOf(
  { make }: Pick<Case, 'make'>,
  contender: Contender,
): Promise<Facts | undefined> {
  const runner = await enterWith(contender, make(0));
  try {
    await runner.run(STEPS);
    return await runner.facts?.();
  } finally {
    runner.dispose();
  }
}

function enterWith(contender: Contender, problem: Problem): Promise<Runner> {
  if (problem.kind === 'matmul') return contender.matmul(problem);
  return problem.kind === 'operation' ? contender.operation(problem) : contender.training(problem);
}

/** An error takes the entrant out of the race and is its result. */
async function attempt(entrant: Entrant, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    entrant.reason = (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
    entrant.runner?.dispose();
    entrant.runner = undefined;
  }
}

async function enter(
  contender: Contender,
  batch: (seed: number) => Promise<Checked>,
  entrant: Entrant,
  blockTime: number,
): Promise<void> {
  for (let seed = 0, wrong: string | undefined = ''; wrong !== undefined; seed++) {
    if (seed === BATCHES) throw new Error(`wrong: ${wrong}`);
    entrant.runner?.dispose();
    const { problem, check } = await batch(seed);
    entrant.runner = await enterWith(contender, problem);
    await entrant.runner.run(STEPS);
    wrong = await check(await entrant.runner.results(), entrant.runner);
  }
  for (let guess = 1; ; guess *= 2) {
    entrant.steps = guess;
    const each = await time(entrant);
    entrant.steps = Math.max(1, Math.round(blockTime / each));
    if (each * guess > blockTime / 2) return;
  }
}

async function time({ runner, steps }: Entrant): Promise<number> {
  const begin = performance.now();
  await runner!.run(steps);
  return (performance.now() - begin) / steps;
}

function summary({ reason, samples, steps }: Entrant, first: Entrant): Timing {
  if (reason !== undefined) return { reason };
  const ratios =
    first.reason === undefined
      ? samples.map((sample, block) => sample / first.samples[block]!)
      : [];
  return {
    median: median(samples),
    quartiles: [quantile(samples, 0.25), quantile(samples, 0.75)],
    blocks: samples.length,
    steps,
    ratio: ratios.length > 0 ? median(ratios) : undefined,
  };
}
