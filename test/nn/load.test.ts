// Values put into a model by name, strictly and not, and through files.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FormatError,
  mul,
  NablaError,
  nn,
  parameter,
  safetensors,
  type TensorData,
} from '../../src/index.common.js';
import { openCpuEngine } from '../support/engine.js';
import { forAllAsync } from '../support/property.js';

const small = (shape: readonly number[], data: readonly number[]): TensorData => ({
  ...{ shape, dtype: 'f32', data: Float32Array.from(data) },
});

describe('load', () => {
  const model = nn.sequential(nn.dense(2, 1), nn.batchNorm1d(1, { affine: false }));
  const whole = {
    '0.weight': small([1, 2], [1, 2]),
    '0.bias': small([1], [3]),
    '1.running_mean': small([1], [4]),
    '1.running_var': small([1], [5]),
    '1.num_batches_tracked': { shape: [], dtype: 'i32', data: Int32Array.of(6) },
  } as const;
  const values = async (engine = openCpuEngine()) =>
    Promise.all(
      [...model.state().values()].map(async (each) => Array.from((await engine.read(each)).data)),
    );

  it('takes an object or a Map', async () => {
    for (const state of [whole, new Map(Object.entries(whole))]) {
      const engine = openCpuEngine();
      expect(await model.load(engine, state)).toEqual({
        missing: [],
        unexpected: [],
        mismatched: [],
      });
      expect(await values(engine)).toEqual([[1, 2], [3], [4], [5], [6]]);
    }
  });

  it('names all that is missing, unexpected or of another shape at once, and writes nothing', async () => {
    const engine = openCpuEngine();
    const { '0.bias': _, ...rest } = whole;
    const wrong = { ...rest, '1.running_mean': small([2], [1, 2]), extra: small([1], [1]) };
    const before = await values(engine);
    await expect(model.load(engine, wrong)).rejects.toThrow(FormatError);
    await expect(model.load(engine, wrong, { strict: true })).rejects.toThrow(
      "load: missing: 0.bias; unexpected: extra; '1.running_mean' is [2] in the state and [1] here; build the model of that state, or pass { strict: false }",
    );
    expect(await values(engine)).toEqual(before);
    expect(await model.load(engine, wrong, { strict: false })).toEqual({
      ...{ missing: ['0.bias'], unexpected: ['extra'], mismatched: ['1.running_mean'] },
    });
    const [weight, bias, ...buffers] = await values(engine);
    expect([weight, ...buffers]).toEqual([[1, 2], [0], [5], [6]]);
    expect(bias).toEqual(before[1]);
  });

  it('converts other dtypes as engine.write does, and refuses what an integer cannot hold', async () => {
    const engine = openCpuEngine();
    const doubles = { shape: [1, 2], dtype: 'f64', data: Float64Array.of(0.1, 0.2) } as const;
    const wholes = { shape: [1], dtype: 'i32', data: Int32Array.of(7) } as const;
    const count = { shape: [], dtype: 'f32', data: Float32Array.of(8) } as const;
    await model.load(engine, {
      ...whole,
      '0.weight': doubles,
      '0.bias': wholes,
      '1.num_batches_tracked': count,
    });
    expect(await values(engine)).toEqual([[0.1, 0.2], [7], [4], [5], [8]]);
    const broken = { ...whole, '1.num_batches_tracked': { ...count, data: Float32Array.of(8.5) } };
    await expect(model.load(engine, broken)).rejects.toThrow(
      /'1.num_batches_tracked' does not fit the i32 here: 8.5 at 0 is no i32/,
    );
    const { mismatched } = await model.load(engine, broken, { strict: false });
    expect(mismatched).toEqual(['1.num_batches_tracked']);
    expect(await values(engine)).toEqual([[1, 2], [3], [4], [5], [8]]);
  });

  it('says what it was given instead of values', async () => {
    const engine = openCpuEngine();
    const given = (state: unknown, options?: object) => model.load(engine, state as never, options);
    await expect(given(undefined)).rejects.toThrow(
      /load: the state is undefined; pass a Map or an object of/,
    );
    await expect(given([1])).rejects.toThrow(/load: the state is an Array/);
    await expect(given({ ...whole, '0.bias': parameter(1) })).rejects.toThrow(
      /'0.bias' is a tensor, which holds no values; pass what engine.read gives/,
    );
    await expect(given({ ...whole, '0.bias': 3 })).rejects.toThrow(/'0.bias' is 3 in the state/);
    await expect(given(whole, { strickt: false })).rejects.toThrow(NablaError);
  });
});

describe('generated models', () => {
  const size = fc.integer({ min: 1, max: 4 });
  const part = (n: number) =>
    fc.constantFrom(
      () => nn.dense(n, n),
      () => nn.batchNorm1d(n),
      () => nn.batchNorm1d(n, { affine: false }),
      () => nn.batchNorm1d(n, { trackRunningStats: false }),
      () => nn.layerNorm(n),
      () => nn.sequential(nn.batchNorm1d(n), nn.dense(n, n, { bias: false })),
    );
  /** Builds a model, the same each time but for the first values. */
  const models = size.chain((n) =>
    fc
      .array(part(n), { minLength: 1, maxLength: 4 })
      .map((parts) => () => nn.sequential(...parts.map((make) => make()))),
  );

  /** Numbers that f32 holds, other ones in each tensor. */
  const fill = (model: nn.Module, from: number): Map<string, TensorData> => {
    let next = from;
    return new Map(
      [...model.state()].map(([name, { shape, dtype }]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        const data = Array.from({ length: count }, () => next++);
        return [
          name,
          { shape, dtype, data: dtype === 'i32' ? Int32Array.from(data) : Float32Array.from(data) },
        ];
      }),
    );
  };
  const read = async (engine: ReturnType<typeof openCpuEngine>, model: nn.Module) =>
    new Map(
      await Promise.all(
        [...model.state()].map(
          async ([name, each]) => [name, Array.from((await engine.read(each)).data)] as const,
        ),
      ),
    );

  it('go through a file and back, bit for bit', async () => {
    await forAllAsync(
      fc.tuple(models, fc.integer({ min: 0, max: 1000 })),
      30,
      async ([build, from]) => {
        const [first, second] = [build(), build()];
        const values = fill(first, from);
        const file = safetensors.encode(values);
        const engine = openCpuEngine();
        await second.load(engine, safetensors.decode(file).tensors);
        const expected = [...values].map(([name, { data }]) => [name, Array.from(data)]);
        expect([...(await read(engine, second))]).toEqual(expected);
      },
    );
  });

  const fate = fc.constantFrom('kept', 'kept', 'dropped', 'reshaped');
  const extras = fc.uniqueArray(
    fc.string({ minLength: 1, maxLength: 8 }).map((text) => `extra.${text}`),
    { maxLength: 3 },
  );

  it('report what was dropped, added or reshaped: strict writes nothing then, else what fits', async () => {
    const cases = fc.record({
      build: models,
      fates: fc.array(fate, { minLength: 30, maxLength: 30 }),
      added: extras,
    });
    await forAllAsync(cases, 60, async ({ build, fates, added }) => {
      const model = build();
      const entries = [...fill(model, 100)].map((entry, i) => ({ entry, fate: fates[i]! }));
      const state = new Map(added.map((name) => [name, small([1], [1])]));
      for (const { entry, fate } of entries) {
        const [name, value] = entry;
        if (fate !== 'dropped')
          state.set(name, fate === 'kept' ? value : { ...value, shape: [...value.shape, 1] });
      }
      const named = (wanted: string) =>
        entries.filter(({ fate }) => fate === wanted).map(({ entry: [name] }) => name);
      const report = {
        missing: named('dropped'),
        unexpected: added,
        mismatched: named('reshaped'),
      };
      const engine = openCpuEngine();
      const before = await read(engine, model);
      const faults = Object.values(report).flat();
      if (faults.length > 0) {
        const error: unknown = await model.load(engine, state).catch((error) => error);
        expect(error).toBeInstanceOf(FormatError);
        for (const name of faults) expect(String(error)).toContain(name);
        expect(await read(engine, model)).toEqual(before);
      } else expect(await model.load(engine, state)).toEqual(report);
      expect(await model.load(engine, state, { strict: false })).toEqual(report);
      const after = await read(engine, model);
      for (const { entry, fate } of entries) {
        const [name, { data }] = entry;
        expect(after.get(name)).toEqual(fate === 'kept' ? Array.from(data) : before.get(name));
      }
    });
  });
});

it('is the state of a shared weight once: a value written there is read at both places', async () => {
  const engine = openCpuEngine();
  const shared = nn.dense(1, 1, { bias: false });
  const model = nn.sequential(shared, shared);
  await model.load(engine, { '0.weight': small([1, 1], [3]) });
  expect((await engine.run(model.apply(mul(2, parameter([[1]]))))).data[0]).toBe(18);
});
