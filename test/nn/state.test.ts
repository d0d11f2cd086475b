import { describe, expect, it } from 'vitest';
import {
  add,
  dataset,
  evaluate,
  fit,
  loss,
  nn,
  optim,
  parameter,
  sum,
  type Tensor,
  zeros,
} from '../../src/index.common.js';
import { stateOf } from '../../src/nn/state.js';
import { openCpuEngine } from '../support/engine.js';

/** A user's layer: adds a parameter and counts how often it was applied in training. */
function counting(name?: string): nn.Layer & { count: Tensor } {
  const named = (local: string) => (name ? { name: `${name}.${local}` } : {});
  const count = parameter({ shape: [], dtype: 'i32', data: new Int32Array(1) }, named('count'));
  const shift = parameter([0, 0], named('shift'));
  return {
    ...{ parameters: [shift], buffers: [count], count },
    apply(x, { training = false, updates } = {}) {
      if (training) updates?.push([count, add(count, 1)]);
      return add(x, shift);
    },
  };
}

describe('the state of a model', () => {
  it('lists all of a part before the next, nested ones too', () => {
    const block = nn.sequential(nn.batchNorm1d(2), nn.dense(2, 2));
    const model = nn.sequential([block, counting('mine'), nn.dense(2, 1, { name: 'last' })], {
      name: 'net',
    });
    expect([...model.state().keys()]).toEqual([
      ...['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map(
        (local) => `net.0.0.${local}`,
      ),
      ...[
        'net.0.1.weight',
        'net.0.1.bias',
        'mine.shift',
        'mine.count',
        'net.last.weight',
        'net.last.bias',
      ],
    ]);
    expect(model.parameters).toHaveLength(7);
    expect(model.buffers).toHaveLength(4);
    expect(new Set(model.state().values())).toEqual(
      new Set([...model.parameters, ...model.buffers]),
    );
  });

  it('lists a shared layer once, and numbers names that two tensors have', () => {
    const shared = nn.batchNorm1d(2);
    const model = nn.sequential(shared, nn.dense(2, 2), shared);
    expect([...model.state().keys()].filter((name) => name.startsWith('2.'))).toEqual([]);
    expect(model.state().size).toBe(7);
    const same = () => parameter([0], { name: 'w' });
    const twins = nn.sequential({ parameters: [same(), same(), parameter(0)], apply: (x) => x });
    expect([...twins.state().keys()]).toEqual(['w#0', 'w#1', 'parameter2']);
    expect([...nn.sequential(counting()).state().keys()]).toEqual(['parameter0', 'buffer0']);
  });

  it('lists a tensor that a user lists twice under both names, and a buffer that is a parameter too once', () => {
    const [w, b] = [parameter([0], { name: 'w' }), parameter([0], { name: 'b' })];
    const tied = nn.sequential({ parameters: [w], buffers: [b, w], apply: (x) => x });
    expect([...tied.state()]).toEqual([
      ['w', w],
      ['b', b],
    ]);
    const twice = { parameters: [w, w, b], apply: (x: Tensor) => x };
    expect([...stateOf(twice)]).toEqual([
      ['w#0', w],
      ['w#1', w],
      ['b', b],
    ]);
  });

  it('is what a user says it is, where it is a Map', () => {
    const w = parameter([0], { name: 'w' });
    const own = { parameters: [w], apply: (x: Tensor) => x };
    expect([...stateOf({ ...own, state: () => new Map([['weight', w]]) }).keys()]).toEqual([
      'weight',
    ]);
    const others: unknown[] = ['idle', { h: w }, () => 'idle', () => undefined];
    for (const state of others) {
      expect([...stateOf({ ...own, state } as never).keys()]).toEqual(['w']);
      expect([
        ...nn
          .sequential({ ...own, state } as never)
          .state()
          .keys(),
      ]).toEqual(['w']);
    }
  });

  it('of a layer that was written without buffers has none of them', () => {
    const own: nn.Layer = { parameters: [parameter([1], { name: 'own' })], apply: (x) => x };
    const model = nn.sequential(own, nn.flatten());
    expect([model.buffers, [...model.state().keys()]]).toEqual([[], ['own']]);
  });
});

describe('training', () => {
  const data = dataset(
    Float32Array.from({ length: 22 }, (_, i) => Math.sin(i)),
    new Int32Array(11),
  );
  const settings = {
    loss: loss.crossEntropy,
    optimizer: optim.sgd(),
    data,
    epochs: 3,
    batchSize: 4,
  };

  it("by fit moves the buffers of a user's layer once a step, the remainder's too; evaluate moves none", async () => {
    const engine = openCpuEngine();
    const own = counting();
    const model = nn.sequential(own, nn.dense(2, 2));
    await fit(engine, { ...settings, model, validation: data });
    await evaluate(engine, { ...settings, model });
    expect((await engine.read(own.count)).data[0]).toBe(9);
  });

  it('by a step of its own takes the pairs among its updates', async () => {
    const engine = openCpuEngine();
    const own = counting();
    const updates: nn.BufferUpdate[] = [];
    const cost = sum(nn.sequential(own).apply(zeros([1, 2]), { training: true, updates }));
    const step = engine.compile({
      updates: [...optim.sgd({ learningRate: 1 }).updates(cost, own.parameters), ...updates],
    });
    await step();
    await step();
    expect((await engine.read(own.count)).data[0]).toBe(2);
    expect(Array.from((await engine.read(own.parameters[0]!)).data)).toEqual([-2, -2]);
  });

  it('in half precision moves them as well', async () => {
    const engine = openCpuEngine();
    const own = counting();
    await fit(engine, { ...settings, model: nn.sequential(own, nn.dense(2, 2)), precision: 'f16' });
    expect((await engine.read(own.count)).data[0]).toBe(9);
  });
});
