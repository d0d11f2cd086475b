// Where the first values of parameters may come from.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  arange,
  cast,
  matmul,
  mul,
  NablaError,
  parameter,
  random,
  reshape,
  type Tensor,
  tensor,
} from '../../src/index.common.js';
import { openCpuEngine } from '../support/engine.js';
import { forAll } from '../support/property.js';

const engine = openCpuEngine();
const w = parameter([1, 2], { name: 'w' });

describe('the first value of a parameter', () => {
  it('is no parameter: each engine has a value of its own', () => {
    expect(() => parameter(w)).toThrow(NablaError);
    expect(() => parameter(w)).toThrow(
      /parameter: w is a parameter, .*: parameter\(await engine\.read\(t\)\)/,
    );
    expect(() => parameter(parameter([1, 2]))).toThrow(/parameter: parameter \[2\] is a parameter/);
  });

  it('reads none, however far below', () => {
    const rules: ((x: Tensor) => Tensor)[] = [
      (x) => add(x, 1),
      (x) => mul(tensor([3, 4]), x),
      (x) => reshape(reshape(x, [1, -1]), [2]),
      (x) => cast(cast(x, 'i32'), 'f32'),
    ];
    const chains = fc.array(fc.constantFrom(...rules), { minLength: 1, maxLength: 6 });
    forAll(
      fc.record({ chain: chains, from: fc.constantFrom(w, tensor([1, 2])) }),
      40,
      ({ chain, from }) => {
        const computed = chain.reduce((x, rule) => rule(x), from);
        const make = () => parameter(computed);
        if (from === w)
          expect(make).toThrow(/reads the parameter w, .*parameter\(await engine\.read\(t\)\)/);
        else expect(make().shape).toEqual([2]);
      },
    );
  });

  it('is read before, as the message says', async () => {
    await engine.write(w, [5, 6]);
    const copy = parameter(await engine.read(w));
    const doubled = parameter(await engine.run(mul(w, 2)));
    expect(Array.from((await engine.read(copy)).data)).toEqual([5, 6]);
    expect(Array.from((await engine.read(doubled)).data)).toEqual([10, 12]);
  });

  it('may be computed from numbers alone', async () => {
    const x = reshape(arange(0, 4, { dtype: 'f32' }), [2, 2]);
    const start = add(matmul(x, x), random.uniform([2, 2], { seed: 1, low: 0, high: 0 }));
    expect(Array.from((await engine.read(parameter(start))).data)).toEqual([2, 3, 6, 11]);
  });
});
