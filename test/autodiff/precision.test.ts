// Mixed precision on the CPU, which rounds what products read as a GPU does: what is scaled, what is guarded, whose the scale is.
import { describe, expect, it } from 'vitest';
import { jvp } from '../../src/autodiff/forward.js';
import { hessian } from '../../src/autodiff/jacobian.js';
import { inPrecision, scalingOf } from '../../src/autodiff/precision.js';
import { grad } from '../../src/autodiff/reverse.js';
import { explain, toMermaid } from '../../src/check/explain.js';
import { lower } from '../../src/compiler/lower.js';
import { dataset } from '../../src/data/dataset.js';
import type { Updates } from '../../src/graph/program.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { squaredError } from '../../src/loss.js';
import { dense, sequential } from '../../src/nn/index.js';
import { add, mul, square, sub } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { input, parameter, tensor } from '../../src/ops/leaf.js';
import { always } from '../../src/ops/marks.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { reshape } from '../../src/ops/view.js';
import { adam, sgd } from '../../src/optim/index.js';
import { fit } from '../../src/train/fit.js';
import { openCpuEngine } from '../support/engine.js';
import { forAllAsync } from '../support/property.js';
import { checkScaled, scaledCases } from '../support/scaled.js';

const engine = openCpuEngine();

/** w ← w − rate · dC/dw with C = factor · (x w)²: w/2 where rate · factor is ¼. 2 factor x w reaches the product. */
function makeStep(factor = 2 ** -8, learningRate = 64) {
  const w = parameter([[8]], { name: 'w' });
  const x = input([1, 1]);
  const cost = mul(sum(square(matmul(x, w))), factor);
  const updates = sgd({ learningRate }).updates(cost, [w]);
  const step = engine.compile({
    inputs: { x },
    outputs: { cost },
    updates: [...updates],
    precision: 'f16',
  });
  return async (value: number): Promise<number> => {
    await step({ x: [[value]] });
    return (await engine.read(w)).data[0]!;
  };
}

it('the scale goes out of the gradients again', async () => {
  const step = makeStep();
  expect([await step(1), await step(1), await step(1)]).toEqual([4, 2, 1]);
});

it('a step whose gradient is not finite changes no parameter', async () => {
  const step = makeStep();
  expect([await step(1), await step(Infinity), await step(Number.NaN), await step(1)]).toEqual([
    4, 4, 4, 2,
  ]);
});

it('a step whose gradient overflows f16 changes none either, until the scale is small enough', async () => {
  const step = makeStep(1, 0.25);
  // 16 · 2¹⁶ is above 65504, and so on down to 16 · 2¹²
  const path = [];
  for (let i = 0; i < 7; i++) path.push(await step(1));
  expect(path).toEqual([8, 8, 8, 8, 8, 4, 2]);
});

it('a step in mixed precision scales updates however they were made, and one that is unsound changes nothing', async () => {
  await forAllAsync(scaledCases, 40, (given) => checkScaled(engine, given));
});

it('the scale doubles after 2,000 good steps, and halves after a bad one', async () => {
  const w = parameter([[0]], { name: 'w' });
  const x = input([1, 1]);
  const updates = sgd().updates(sum(square(matmul(x, w))), [w]);
  const program = inPrecision({ outputs: [], updates }, 'f16');
  const scale = program.updates
    .map(([target]) => target)
    .find(({ name }) => name === 'loss scale')!;
  const step = engine.compile({ inputs: { x }, updates: program.updates });
  const after = async (times: number, value: number): Promise<number> => {
    for (let i = 0; i < times; i++) await step({ x: [[value]] });
    return (await engine.read(scale)).data[0]!;
  };
  expect(await after(1999, 1)).toBe(2 ** 16);
  expect(await after(1, 1)).toBe(2 ** 17);
  expect(await after(1, Infinity)).toBe(2 ** 16);
  expect(await after(17, Infinity)).toBe(1);
});

/** Σ (x w)² · factor with a matrix w, so that a product reads the cotangent 2 · factor · x w. */
const costOf = (x: Tensor, w: Tensor, factor: number): Tensor =>
  mul(sum(square(matmul(x, w))), factor);
const numbers = async (node: Tensor, of = engine): Promise<number[]> => [
  ...(await of.read(node)).data,
];
/** The loss scales that programs update. */
const scalesOf = (...all: Updates[]): Set<Tensor> =>
  new Set(
    all.flatMap((updates) =>
      inPrecision({ outputs: [], updates }, 'f16').updates.flatMap(([target]) =>
        target.name === 'loss scale' ? target : [],
      ),
    ),
  );

describe('what is scaled', () => {
  const x = tensor([[1]]);
  /** Too small for f16, which ends at 2⁻²⁴. */
  const tiny = 2 ** -30;

  it('keeps gradients that f16 would lose, of updates that were written by hand', async () => {
    const w = parameter([[1]], { name: 'w' });
    const updates: Updates = [[w, sub(w, mul(grad(costOf(x, w, tiny), w), 2 ** 20))]];
    await engine.compile({ updates, precision: 'f16' })();
    expect(await numbers(w)).toEqual([1 - 2 ** -9]);
  });

  it('gives gradients as outputs without the scale, and what they are made of', async () => {
    const w = parameter([[1]], { name: 'w' });
    const gradient = grad(costOf(x, w, tiny), w);
    const outputs = { gradient, double: mul(gradient, 2) };
    const updates = sgd().updates([gradient], [w]);
    const { gradient: one, double } = await engine.compile({
      ...{ outputs, updates, precision: 'f16' },
    })();
    expect([one.data[0], double.data[0]]).toEqual([2 * tiny, 4 * tiny]);
  });

  it('leaves passes alone that only outputs depend on: their gradients would overflow, and none would see it', async () => {
    const w = parameter([[1]], { name: 'w' });
    const outputs = { w: grad(costOf(x, w, 1), w), x: grad(costOf(x, w, 1), x) };
    const updates = sgd().updates(costOf(x, w, tiny), [w]);
    const found = await engine.compile({ outputs, updates, precision: 'f16' })();
    expect([found.w.data[0], found.x.data[0]]).toEqual([2, 2]);
  });

  it('takes no notice of gradients where no update reads one', async () => {
    const w = parameter([[3]], { name: 'w' });
    const count = parameter(0, { name: 'count' });
    const updates: Updates = [[count, add(count, 1)]];
    const program = { outputs: [grad(costOf(x, w, 1), w)], updates };
    expect(inPrecision(program, 'f16').updates.map(([target]) => target)).toEqual([count]);
    expect([...(await engine.compile({ ...program, precision: 'f16' })())[0]!.data]).toEqual([6]);
  });

  it('differentiates twice, forward over reverse, and in pieces', async () => {
    const make = () => {
      const w = parameter([[2]], { name: 'w' });
      const hidden = matmul(x, w);
      const y = mul(sum(mul(square(hidden), hidden)), tiny);
      return { w, hidden, y, slope: grad(y, w) };
    };
    // y = tiny · w³
    const cases: [name: string, gradient: (of: ReturnType<typeof make>) => Tensor, at: number][] = [
      ['a gradient of a gradient', ({ slope, w }) => grad(sum(slope), w), 12],
      ['a penalty', ({ y, slope, w }) => grad(add(y, sum(slope)), w), 24],
      ['a Hessian', ({ y, w }) => reshape(hessian(y, w), [1, 1]), 12],
      ['a directional derivative', ({ slope, w }) => jvp(slope, w, tensor([[3]])), 36],
      ['pieces', ({ y, hidden, w }) => grad(hidden, w, { cotangent: grad(y, hidden) }), 12],
      ['a given cotangent', ({ y, w }) => grad(y, w, { cotangent: tensor(5) }), 60],
    ];
    for (const [name, gradientOf, at] of cases) {
      const of = make();
      const gradient = gradientOf(of);
      const updates: Updates = [[of.w, add(of.w, mul(gradient, 2 ** 30))]];
      const { seen } = await engine.compile({
        outputs: { seen: gradient },
        updates,
        precision: 'f16',
      })();
      expect([...seen.data], name).toEqual([at * tiny]);
      expect(await numbers(of.w), name).toEqual([2 + at]);
    }
  });

  it('may be f16 itself', async () => {
    const w = parameter(cast(tensor([[1]]), 'f16'), { name: 'w' });
    const updates = sgd({ learningRate: 2 }).updates(costOf(x, cast(w, 'f32'), 2 ** -4), [w]);
    const whole = costOf(cast(x, 'f16'), w, 2 ** -4);
    const step = engine.compile({ updates, precision: 'f16' });
    await step();
    expect(await numbers(w)).toEqual([0.75]);
    // a cost in f16 starts from the scale in f16, where 2¹⁶ is infinite: one step is skipped
    const half = engine.compile({
      updates: sgd({ learningRate: 2 }).updates(whole, [w]),
      precision: 'f16',
    });
    await half();
    expect(await numbers(w)).toEqual([0.75]);
    await half();
    expect(await numbers(w)).toEqual([0.75 - 2 ** -2 * 0.75]);
  });
});

describe('the scale', () => {
  const make = () => {
    const ws = [1, 2, 3].map((value) => parameter([[value]], { name: `w${value}` }));
    const cost = ws.map((w) => costOf(tensor([[1]]), w, 1)).reduce((a, b) => add(a, b));
    return { ws, cost };
  };

  it('is one for all steps of a model, also where they train parts of it', () => {
    const { ws, cost } = make();
    const optimizer = adam();
    const all = optimizer.updates(cost, ws);
    const held = ws.map(() => parameter([[0]]));
    const gradients = grad(cost, ws);
    const others: Updates[] = [
      all.filter(([target]) => target !== ws[0]),
      optimizer.updates(cost, ws.slice(1)),
      optimizer.updates(gradients, ws),
      held.map((each, i) => [each, add(each, gradients[i]!)]),
      [...all].reverse(),
    ];
    expect(scalesOf(...others, all).size).toBe(1);
    expect(scalesOf(all)).toEqual(new Set([scalingOf(ws, false).scale]));
    // checkpoints ask for it before or after
    expect(scalesOf(sgd().updates(make().cost, make().ws))).toEqual(new Set());
    const fresh = make();
    const { scale } = scalingOf(fresh.ws, true);
    expect(scalesOf(sgd().updates(fresh.cost, fresh.ws.slice(2)))).toEqual(new Set([scale]));
  });

  it('is another for each model, but one in a step of two', () => {
    const [a, b] = [make(), make()];
    const optimizer = adam();
    const one = optimizer.updates(a.cost, a.ws);
    const two = optimizer.updates(b.cost, b.ws);
    expect(scalesOf(one, two).size).toBe(2);
    const both = [...one, ...two.filter(([target]) => !one.some(([each]) => each === target))];
    expect(scalesOf(both)).toEqual(scalesOf(one));
  });

  it('is of what is updated where no gradient is one of a parameter', () => {
    const { ws } = make();
    const pruned = mul(ws[0]!, 0.5);
    const updates: Updates = [
      [ws[0]!, sub(ws[0]!, grad(costOf(tensor([[1]]), pruned, 1), pruned))],
    ];
    expect(scalesOf(updates)).toEqual(new Set([scalingOf(ws, false).scale]));
  });

  it('halves in fit until steps are sound, while the data goes on', async () => {
    const own = openCpuEngine();
    const model = sequential(dense(2, 1, { bias: false, seed: 1 }));
    const optimizer = adam({ learningRate: 1e-3 });
    const data = dataset(
      Float32Array.from({ length: 16 }, (_, i) => i % 5),
      Float32Array.from({ length: 8 }, (_, i) => 1000 * (i + 1)),
    );
    const costs: number[] = [];
    const report = await fit(own, {
      ...{ model, optimizer, data, epochs: 1, batchSize: 1, shuffle: false, precision: 'f16' },
      loss: squaredError,
      onStep: ({ cost }) => costs.push(cost),
    });
    const { scale } = scalingOf(model.parameters, false);
    const skipped = 16 - Math.log2((await own.read(scale!)).data[0]!);
    expect(skipped).toBeGreaterThan(3);
    expect(await numbers(optimizer.state(model.parameters).get('step')!, own)).toEqual([
      8 - skipped,
    ]);
    expect(report!.cost).toBeCloseTo(costs.reduce((a, b) => a + b) / 8, 0);
    // each example was met: its label is far above the output
    for (const [i, cost] of costs.entries())
      expect(Math.abs(Math.sqrt(cost) - 1000 * (i + 1))).toBeLessThan(20);
  });
});

describe('marks', () => {
  it('go when a graph is lowered, and ask for no feeds', async () => {
    const w = parameter([[1, 2]], { name: 'w' });
    const at = input([2]);
    const y = sum(square(matmul(w, at)));
    const roots = [grad(y, w), grad(y, at), hessian(y, at), jvp(grad(y, at), at, tensor([1, 2]))];
    const marked = (nodes: readonly Tensor[]) =>
      topological(nodes).filter(({ op }) => /^(seed|gradient|always)$/.test(op.name));
    expect(marked(roots).length).toBeGreaterThan(roots.length);
    expect(marked(lower([...roots, always.put(w)], true, 'gpu'))).toEqual([]);
    expect([...(await engine.run(grad(sum(mul(at, 3)), at))).data]).toEqual([3, 3]);
  });

  it('are drawn and explained as the nodes that they are', async () => {
    const w = parameter([1, 2], { name: 'w' });
    const slope = sum(grad(sum(square(w)), w));
    expect(toMermaid(slope)).toMatch(/"gradient \[2\]".*"sum"/s);
    const { nodes } = await explain(engine, slope, w);
    expect([...nodes.find(({ name }) => name === 'w')!.gradient!.data]).toEqual([2, 2]);
  });
});
