import { describe, expect, it } from 'vitest';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import {
  grad,
  minimum,
  mul,
  optim,
  parameter,
  sub,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.common.js';

const engine = new Engine(new CpuBackend());
const start = [1, -2, 0.5];
const targets = [0.3, 0.7, -4];
const scales = [1, 10, 0.01];

/** Runs steps on Σ scaleᵢ (pᵢ − targetᵢ)² / 2 and returns the parameter after each. */
async function run(optimizer: optim.Optimizer, steps: number): Promise<number[][]> {
  const p = parameter(start);
  const away = sub(p, tensor(targets));
  const cost = sum(mul(mul(tensor(scales), 0.5), mul(away, away)));
  const step = engine.compile({ updates: optimizer.updates(cost, [p]) });
  const seen: number[][] = [];
  for (let i = 0; i < steps; i++) {
    await step.enqueue();
    seen.push(Array.from((await engine.read(p)).data));
  }
  return seen;
}

type Update = (p: number, gradient: number, state: Record<string, number>, t: number) => number;
/** PyTorch's update written out for one number. */
function expected(update: Update, steps: number): number[][] {
  const p = [...start];
  const states = p.map((): Record<string, number> => ({ v: 0, m: 0, a: 0 }));
  return Array.from({ length: steps }, (_, t) =>
    p.map((value, i) => {
      const gradient = Math.fround(scales[i]!) * (value - Math.fround(targets[i]!));
      p[i] = update(value, gradient, states[i]!, t + 1);
      return p[i]!;
    }),
  );
}
const adamLike = (
  rate: number,
  l2: number,
  decay: number,
  [b1, b2] = [0.9, 0.999],
  epsilon = 1e-8,
): Update => {
  return (p, raw, state, t) => {
    const g = raw + l2 * p;
    const kept = p * (1 - rate * decay);
    state.m = b1! * state.m! + (1 - b1!) * g;
    state.v = b2! * state.v! + (1 - b2!) * g * g;
    const denominator = Math.sqrt(state.v) / Math.sqrt(1 - b2! ** t) + epsilon;
    return kept - ((rate / (1 - b1! ** t)) * state.m) / denominator;
  };
};

const cases: [string, () => optim.Optimizer, Update][] = [
  ['sgd', () => optim.sgd({ learningRate: 0.05 }), (p, g) => p - 0.05 * g],
  [
    'sgd with momentum and decay',
    () => optim.sgd({ learningRate: 0.05, momentum: 0.9, weightDecay: 0.1 }),
    (p, raw, state) => {
      state.v = 0.9 * state.v! + raw + 0.1 * p;
      return p - 0.05 * state.v;
    },
  ],
  [
    'sgd with Nesterov momentum',
    () => optim.sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
    (p, g, state) => {
      state.v = 0.9 * state.v! + g;
      return p - 0.05 * (g + 0.9 * state.v);
    },
  ],
  ['adam', () => optim.adam(), adamLike(1e-3, 0, 0)],
  [
    'adam with decay',
    () => optim.adam({ learningRate: 0.1, weightDecay: 0.3, betas: [0.8, 0.9], epsilon: 1e-3 }),
    adamLike(0.1, 0.3, 0, [0.8, 0.9], 1e-3),
  ],
  ['adamW', () => optim.adamW({ learningRate: 0.1 }), adamLike(0.1, 0, 0.01)],
  [
    'rmsProp',
    () => optim.rmsProp(),
    (p, g, state) => {
      state.v = 0.99 * state.v! + 0.01 * g * g;
      return p - (0.01 * g) / (Math.sqrt(state.v) + 1e-8);
    },
  ],
  [
    'rmsProp with momentum',
    () => optim.rmsProp({ learningRate: 0.02, alpha: 0.9, momentum: 0.5 }),
    (p, g, state) => {
      state.v = 0.9 * state.v! + 0.1 * g * g;
      state.m = 0.5 * state.m! + g / (Math.sqrt(state.v) + 1e-8);
      return p - 0.02 * state.m;
    },
  ],
];

describe("PyTorch's formulas", () => {
  // Constants are rounded to f32, as they are on a GPU.
  it.each(cases)('%s', async (_, make, update) => {
    const got = await run(make(), 12);
    const wanted = expected(update, 12);
    got.forEach((row, t) => {
      row.forEach((value, i) => {
        expect(Math.abs(value - wanted[t]![i]!)).toBeLessThan(
          2e-6 * (1 + Math.abs(wanted[t]![i]!)),
        );
      });
    });
  });
});

describe('an optimizer', () => {
  it('owns one state for each parameter, and gives the same leaves every time', () => {
    const [a, b] = [parameter([1, 2], { name: 'a' }), parameter([[3]], { name: 'b' })];
    const cost = sum(mul(a, b));
    const optimizer = optim.adam();
    const first = optimizer.updates(cost, [a, b]);
    const second = optimizer.updates(mul(2, cost), [a, b]);
    expect(first.map(([target]) => target)).toEqual(second.map(([target]) => target));
    expect(first.map(([target]) => target.name)).toEqual([
      'a',
      'b',
      'a.m',
      'b.m',
      'a.v',
      'b.v',
      'step',
    ]);
    expect([...optimizer.state([a, b]).keys()]).toEqual(['step', 'a.m', 'b.m', 'a.v', 'b.v']);
    expect(new Set(optimizer.state([a, b]).values())).toEqual(
      new Set(first.slice(2).map(([target]) => target)),
    );
  });

  it('counts only where it must', () => {
    const p = parameter(1);
    expect(optim.sgd().updates(mul(p, p), [p])).toHaveLength(1);
    const rate = optim.schedules.step(1, { every: 1 });
    expect(optim.sgd({ learningRate: rate }).updates(mul(p, p), [p])).toHaveLength(2);
  });

  it('updates every parameter by one and the same graph, whatever its shape', () => {
    const parameters = [parameter([[1, 2]]), parameter([3]), parameter(4)];
    const gradients = parameters.map((each) => mul(each, 2));
    const shapeOf = (node: Tensor, own: ReadonlySet<Tensor>): unknown =>
      own.has(node) ? 'own' : [node.op.name, node.inputs.map((input) => shapeOf(input, own))];
    for (const make of [optim.sgd, optim.adam, optim.adamW, optim.rmsProp]) {
      const optimizer = make({ weightDecay: 0.1 });
      const updates = optimizer.updates(gradients, parameters);
      const leaves = [...optimizer.state(parameters).values()].slice(1);
      const own = new Set([...parameters, ...gradients, ...leaves]);
      const forms = updates
        .filter(([target]) => target.name !== 'step')
        .map(([target, next]) => [
          target.name?.split('.')[1] ?? 'p',
          JSON.stringify(shapeOf(next, own)),
        ]);
      expect(new Set(forms.map((form) => form.join())).size).toBe(
        new Set(forms.map(([slot]) => slot)).size,
      );
    }
  });

  it('takes a learning rate that can be written to', async () => {
    const rate = parameter(0.5);
    const p = parameter(1);
    const step = engine.compile({
      updates: optim.sgd({ learningRate: rate }).updates([tensor(1)], [p]),
    });
    await step.enqueue();
    await engine.write(rate, 0.25);
    await step.enqueue();
    expect((await engine.read(p)).data[0]).toBe(0.25);
  });

  it('clips gradients by their norm over all parameters', async () => {
    const [a, b] = optim.clipByGlobalNorm([tensor([3, 0]), tensor([[4]])], 1);
    const clipped = await engine.run({ a: a!, b: b! });
    expect(Array.from(clipped.a.data)).toEqual([expect.closeTo(0.6, 6), 0]);
    expect(clipped.b.data[0]).toBeCloseTo(0.8, 6);
    const kept = await engine.run(optim.clipByGlobalNorm([tensor([3, 4])], 6)[0]!);
    expect(Array.from(kept.data)).toEqual([3, 4]);
    const p = parameter([3, 4]);
    const updates = optim
      .sgd({ learningRate: 1, clipNorm: 1 })
      .updates(mul(0.5, sum(mul(p, p))), [p]);
    await engine.compile({ updates }).enqueue();
    expect(Array.from((await engine.read(p)).data)).toEqual([
      expect.closeTo(2.4, 5),
      expect.closeTo(3.2, 5),
    ]);
  });

  it('refuses settings and gradients that make no sense', () => {
    const p = parameter([1, 2], { name: 'p' });
    expect(() => optim.sgd({ learningRate: -1 })).toThrow(/learningRate is -1/);
    expect(() => optim.sgd({ learningRate: '0.1' as never })).toThrow(
      /learningRate is 0.1; give a number/,
    );
    expect(() => optim.sgd({ nesterov: true })).toThrow(/nesterov needs momentum/);
    expect(() => optim.adam({ betas: [0.9, 1] })).toThrow(/betas\[1\] is 1/);
    expect(() => optim.sgd().updates([tensor(1)], [p])).toThrow(/gradient \[\] for p \[2\]/);
    expect(() => optim.sgd().updates([], [p])).toThrow(/0 gradients for 1/);
    expect(() => optim.sgd().updates(sum(p), [])).toThrow(/no parameters/);
    expect(() => optim.sgd({ learningRate: p }).updates(sum(p), [p])).toThrow(/give a scalar/);
    expect(grad(sum(p), p).shape).toEqual([2]);
  });

  it('keep state and small numbers in f32 where the parameter is f16', async () => {
    const p = parameter(tensor([1, 1], [2], { dtype: 'f16' }), { name: 'p' });
    const optimizer = optim.adam({ learningRate: 0.125, weightDecay: 1e-9 });
    const cost = sum(mul(p, tensor([0, 1], [2], { dtype: 'f16' })));
    await engine.compile({ updates: optimizer.updates(mul(cost, 1e-3), [p]) })();
    // gradients 10⁻⁹ and 10⁻³: the first step is rate · g / (g + ε), with ε = 10⁻⁸, which f16 does not hold
    expect([...(await engine.read(p)).data]).toEqual([0.98876953125, 0.875]);
    const { data } = await engine.read(optimizer.state([p]).get('p.v')!);
    expect(data[1]).toBeCloseTo(1e-9, 12);
  });
});

describe('schedules', () => {
  const at = async (schedule: optim.Schedule, count: number): Promise<number> =>
    (await engine.run(schedule(tensor(count)))).data[0]!;
  const { step, cosine } = optim.schedules;
  it.each([
    ['step before its first drop', step(1, { every: 10 }), 9, 1],
    ['step at its first drop', step(1, { every: 10 }), 10, 0.1],
    ['step after the third', step(8, { every: 10, factor: 0.5 }), 39, 1],
    ['step over a broken number of steps', step(1, { every: 1.5 }), 2, 0.1],
    ['cosine over a broken number of steps', cosine(1, { steps: 12.5 }), 12.5, 0],
    ['cosine at first', cosine(1, { steps: 100 }), 0, 1],
    ['cosine half way', cosine(1, { steps: 100, minimum: 0.2 }), 50, 0.6],
    ['cosine at a quarter', cosine(2, { steps: 100 }), 25, 1 + Math.SQRT1_2],
    ['cosine past its end', cosine(1, { steps: 100, minimum: 0.2 }), 500, 0.2],
  ])('%s', async (_, schedule, count, rate) => {
    expect(await at(schedule, count)).toBeCloseTo(rate, 6);
  });

  it('may be any function of the step count, and runs inside the step', async () => {
    const p = parameter(0);
    const optimizer = optim.sgd({ learningRate: (count) => sub(1, mul(0.25, minimum(count, 2))) });
    const go = engine.compile({ updates: optimizer.updates([tensor(-1)], [p]) });
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) {
      await go.enqueue();
      seen.push((await engine.read(p)).data[0]!);
    }
    expect(seen).toEqual([1, 1.75, 2.25, 2.75, 3.25, 3.75]);
  });
});
