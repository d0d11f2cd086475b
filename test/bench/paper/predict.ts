// A GPU on paper: how long a dispatch takes on a card at least, and how long it is predicted to take. All times in nanoseconds.
//   floor = max(flops ÷ FP32, bytes ÷ bandwidth, launch)
//   time  = max(floor, serial steps × latency ÷ loads in flight, waves ÷ what the card holds at once × time of one wave)
// The walk counts loads that are in flight together as one step, so it has divided already; a wave takes as long as its
// longest chain of steps.
import type { Dispatch } from '../../../src/compiler/describe.js';
import { flopsOf } from '../../../src/compiler/flops.js';
import type { Card } from './cards.js';
import { later, none, type Steps } from './values.js';
import { type Part, walkKernel } from './walk.js';

/** What a dispatch has to do, on any card. */
export interface Work {
  readonly kernel: string;
  readonly ops: readonly string[];
  readonly workgroups: number;
  /** Of a workgroup. */
  readonly invocations: number;
  readonly flops: number;
  /** To be read and to be written, each once. */
  readonly bytes: number;
  readonly parts: readonly Part[];
}

const walks = new Map<string, ReturnType<typeof walkKernel>>();

/** The walk through a kernel; steps have many that are alike. */
function walkOf({ wgsl, workgroups }: Pick<Dispatch, 'wgsl' | 'workgroups'>) {
  const key = `${workgroups.join()} ${wgsl}`;
  const walked = walks.get(key) ?? walkKernel(wgsl, workgroups);
  walks.set(key, walked);
  return walked;
}

export function workOf(dispatch: Dispatch): Work {
  const { kernel, ops, workgroups, bindings, computed, bytes } = dispatch;
  const { parts, invocations, buffers } = walkOf(dispatch);
  // what is updated in place is read and written
  const twice = buffers.map((name, i) => {
    const isBoth = parts.some(({ loaded, stored }) => loaded.has(name) && stored.has(name));
    return isBoth ? (bindings[i]?.place.bytes ?? 0) : 0;
  });
  return {
    ...{ kernel, ops, invocations, flops: flopsOf(computed), parts },
    workgroups: workgroups[0] * workgroups[1] * workgroups[2],
    bytes: twice.reduce((sum, each) => sum + each, bytes),
  };
}

/** The longest chain of steps of an invocation. */
export const serialOf = ({ parts }: Pick<Work, 'parts'>): Steps =>
  parts.reduce((longest, { serial }) => later(longest, serial), none);

/** Loads of an invocation that are in flight together, on average. */
export function inFlight({ parts }: Pick<Work, 'parts'>): number {
  const [loads, steps] = parts.reduce(
    ([all, chain], { loads: l, serial: s }) => [
      all + l.global + l.shared,
      chain + s.global + s.shared,
    ],
    [0, 0],
  );
  return steps > 0 ? loads / steps : 0;
}

export interface Prediction {
  readonly floor: number;
  readonly time: number;
  readonly ratio: number;
  /** What decides the time. */
  readonly bound: 'flops' | 'bytes' | 'launch' | 'serial' | 'waves';
}

export function predict({ flops, bytes, invocations, parts }: Work, card: Card): Prediction {
  const { globalLatency, sharedLatency } = card;
  const timeOf = ({ serial }: Part): number =>
    serial.global * globalLatency + serial.shared * sharedLatency;
  const held = card.cores * card.waves;
  const waves = Math.ceil(invocations / card.wave); // of a workgroup
  const floors = {
    flops: (1e9 * flops) / card.flopsPerSecond,
    bytes: (1e9 * bytes) / card.bytesPerSecond,
    launch: card.launch,
  };
  const times = {
    ...floors,
    serial: Math.max(...parts.map(timeOf)),
    waves: parts.reduce((sum, part) => sum + ((part.workgroups * waves) / held) * timeOf(part), 0),
  };
  const floor = Math.max(...Object.values(floors));
  const time = Math.max(...Object.values(times));
  const bounds = Object.keys(times) as (keyof typeof times)[];
  const bound = bounds.find((each) => times[each] === time) ?? 'launch';
  return { floor, time, ratio: time / floor, bound };
}
