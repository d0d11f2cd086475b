// What the kernels of class gpu are predicted to take, against what no kernel can beat: on h200, where a launch is little and
// what runs side by side is much, and on m3, where it is the other way around.
import { describe, expect, it } from 'vitest';
import { trainingProblem } from '../problems.js';
import { cards } from './cards.js';
import { dispatchesOfCase } from './plans.js';
import { predict, serialOf, workOf } from './predict.js';
import { predictStep } from './tables.js';

/** Of a dispatch, and of a step of these: times its floor. */
const DISPATCH = 4;
/** Not there yet: products that read windows element by element, and the embedding's gradient on a small card. */
const behind = new Map([
  ['E', 7.1],
  ['GPT', 13.5],
  ['ResNet', 5.9],
]);
const STEP = 2.5;
const steps = new Set(['B', 'F', 'GPT', 'ResNet']);
/** Of the others launches are nearly everything: dispatches with Adam, one of which counts steps. */
const dispatches = new Map([
  ['A', 9],
  ['C', 30],
  ['D', 288],
  ['E', 29],
]);
const chosen = ['h200', 'm3'].map((name) => cards[name]!);

describe.each(['A', 'B', 'C', 'D', 'E', 'F', 'GPT', 'ResNet'])('%s', (network) => {
  const problem = trainingProblem(network, 'sgd');
  it.each(['sgd', 'adam'] as const)('with %s', (optimizer) => {
    const works = dispatchesOfCase({ ...problem, optimizer }).map(workOf);
    const slow = chosen.flatMap((card) =>
      works.flatMap((work, i) => {
        const { floor, time, ratio, bound } = predict(work, card);
        if (ratio <= (behind.get(network) ?? DISPATCH)) return [];
        const { global, shared } = serialOf(work);
        const chain = `${Math.ceil(global)} + ${Math.ceil(shared)} steps`;
        const shape = `${work.workgroups} × ${work.invocations}, ${chain}`;
        const times = `${(floor / 1e3).toFixed(1)} → ${(time / 1e3).toFixed(1)} µs`;
        const text = `${card.name} ${i} ${work.kernel} (${shape}): ${times}, ${bound}`;
        return [{ ratio, text: `${ratio.toFixed(1)} × ${text}` }];
      }),
    );
    const heavy = chosen.flatMap((card) => {
      const { ratio, floor } = predictStep(works, card);
      const isHeavy = steps.has(network) && ratio > STEP;
      return isHeavy ? [`${card.name}: ${ratio.toFixed(2)} × ${(floor / 1e3).toFixed(1)} µs`] : [];
    });
    const sorted = slow.sort((a, b) => b.ratio - a.ratio).map(({ text }) => text);
    expect.soft(sorted).toEqual([]);
    expect.soft(heavy).toEqual([]);
    expect.soft(works.length).toBeLessThanOrEqual(dispatches.get(network) ?? works.length);
  });
});
