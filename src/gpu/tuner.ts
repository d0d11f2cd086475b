// The tuner: measures tiles of matrix products and forms of arrays on the device, and keeps the fastest. Bits stay as they are.
import type { Dispatch } from '../compiler/describe.js';
import { flopsOf } from '../compiler/flops.js';
import { makePlan, type Plan } from '../compiler/plan.js';
import type { TileStore } from '../graph/backend.js';
import type { KernelContext } from '../kernels/options.js';
import { type Arrays, choices, tuning } from '../planning/limits.js';
import { type Identity, openAnswers, type Question } from './chosen.js';
import type { Host, Tuner } from './host.js';
import { sizesOf } from './scratch.js';
import { fastestOf } from './trials.js';

const otherForm: Readonly<Record<Arrays, Arrays>> = { fixed: 'sized', sized: 'fixed' };

/** Whom an answer is for: each product has a tile and a form of its own, all other kernels of a kind have one form. */
const subjectOf = (question: Question, { product, groups }: Dispatch): string =>
  `${question} ${product ?? groups[0]?.kind}`;

/** Whether the answer makes a difference that can be seen, with buffers for which there is room. */
function isWorthIt(question: Question, dispatch: Dispatch): boolean {
  const { product, computed, bytes } = dispatch;
  if (sizesOf(dispatch).reduce((sum, size) => sum + size, 0) > tuning.buffers) return false;
  if (product !== undefined) return flopsOf(computed) > 2 * tuning.product;
  return question === 'arrays' && bytes >= tuning.moved;
}

/** The same kernel in a plan with another answer: it stands at the same place, unless others were joined differently. */
function counterpart(plan: Plan, dispatch: Dispatch, at: number): Dispatch {
  const like = (each: Dispatch): string => [each.kernel, each.product, ...sizesOf(each)].join();
  const there = [...plan.dispatches.slice(at, at + 1), ...plan.dispatches];
  return there.find((each) => like(each) === like(dispatch)) ?? dispatch;
}

/** Measures the few sensible kernels of each product, and both forms of arrays, on first use, and remembers the fastest. */
export async function makeTuner(
  backend: Host,
  store: TileStore,
  identity: Identity,
): Promise<Tuner> {
  const { context } = backend;
  const { tiles, arrays: usual } = choices[context.adapter];
  const { chosen, save } = await openAnswers(backend, store, identity);
  /** Answers of now that are not the table's: plans may have been made before. */
  const late = new Set<string>();
  context.tileOf = (product) => tiles[(chosen.get(`tile ${product}`) ?? 0) - 1];
  context.arraysOf = (subject) => (chosen.get(`arrays ${subject}`) ? otherForm[usual] : usual);
  const contextsFor: Readonly<Record<Question, readonly Partial<KernelContext>[]>> = {
    tile: tiles.map((tile) => ({ tileOf: () => tile })),
    arrays: [{ arraysOf: () => otherForm[usual] }],
  };

  /** Answers a question for the kernels of a plan that take longest, as far as there is time. The plan with the answers. */
  async function answer(question: Question, plan: Plan, deadline: number): Promise<Plan> {
    const { program, dispatches } = plan;
    const isOpen = (dispatch: Dispatch): boolean =>
      !chosen.has(subjectOf(question, dispatch)) && isWorthIt(question, dispatch);
    const open = [...dispatches.entries()].filter(([, dispatch]) => isOpen(dispatch));
    open.sort(([, a], [, b]) => flopsOf(b.computed) - flopsOf(a.computed) || b.bytes - a.bytes);
    const others = open.length
      ? contextsFor[question].map((some) => makePlan(program, { ...context, ...some }))
      : [];
    for (const [at, dispatch] of open) {
      if (performance.now() > deadline) break;
      const subject = subjectOf(question, dispatch);
      if (chosen.has(subject)) continue; // by another of its kind
      const alike = others.map((other) => counterpart(other, dispatch, at));
      const best = await fastestOf(backend, [dispatch, ...alike], deadline);
      chosen.set(subject, best);
      if (best > 0) late.add(subject);
    }
    const isLate = dispatches.some((dispatch) => late.has(subjectOf(question, dispatch)));
    return isLate ? makePlan(program, context) : plan;
  }

  async function tune(plan: Plan): Promise<Plan> {
    const deadline = performance.now() + tuning.budget;
    const before = chosen.size;
    const tiled = await answer('tile', plan, deadline);
    const tuned = await answer('arrays', tiled, deadline);
    if (chosen.size > before) await save();
    return tuned;
  }
  let last: Promise<unknown> = Promise.resolve();
  return (plan) => {
    // one after the other, so that they do not measure each other; what runs once is not worth it
    const tuned = plan.program.feedConstants ? Promise.resolve(plan) : last.then(() => tune(plan));
    last = tuned.catch(() => {});
    return tuned;
  };
}
