// Indices out of range throw where the host knows them: fed or constant, on every backend before anything runs.
import { describe, expect, it } from 'vitest';
import { FeedError } from '../../src/core/errors.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import { crossEntropy } from '../../src/loss.js';
import { embedding } from '../../src/nn/layers.js';
import { add } from '../../src/ops/arithmetic.js';
import { cast } from '../../src/ops/cast.js';
import { gather, oneHot } from '../../src/ops/indexing.js';
import { input, tensor, zeros } from '../../src/ops/leaf.js';
import { broadcastTo, reshape, transpose } from '../../src/ops/view.js';

/** A backend that must not be reached. */
class Untouched extends CpuBackend {
  override compile(): never {
    throw new Error('the indices were not checked');
  }
}
const engine = new Engine(new Untouched());
const rows = zeros([2, 3]);
const two = tensor(Int32Array.of(0, 2));

const wrong = [
  [
    'a gathered row',
    gather(rows, two),
    /gather: constant \[2\]: index 2 at position 1 is outside 0 to 1/,
  ],
  [
    'a row along another axis',
    gather(rows, tensor(Int32Array.of(3)), { axis: 1 }),
    /outside 0 to 2/,
  ],
  ['a negative row', gather(rows, tensor(Int32Array.of(-1))), /index -1/],
  ['a class', oneHot(two, 2), /oneHot: constant \[2\]: index 2/],
  [
    'a label',
    crossEntropy(zeros([1, 2]), tensor([9], [1], { dtype: 'i32' })),
    /oneHot: .*index 9 .*outside 0 to 1/,
  ],
  ['a label in a byte', crossEntropy(zeros([1, 2]), tensor(Uint8Array.of(9))), /oneHot: .*index 9/],
  [
    'an embedded index',
    embedding(5, 3).apply(tensor(Int32Array.of(9))),
    /gather: .*index 9 .*outside 0 to 4/,
  ],
  [
    'an index behind views',
    gather(rows, broadcastTo(transpose(reshape(two, [2, 1])), [3, 2])),
    /gather: .*index 2/,
  ],
  ['an index behind casts', gather(rows, cast(cast(two, 'u32'), 'i32')), /gather: .*index 2/],
] as const;

describe.each(wrong)('%s out of range', (_, node, message) => {
  it('throws when it is run or compiled', async () => {
    const run = engine.run(node);
    await expect(run).rejects.toThrow(FeedError);
    await expect(run).rejects.toThrow(message);
    expect(() => engine.compile({ outputs: { node } })).toThrow(message);
  });
});

it('throws where the index is fed, behind a cast too', async () => {
  const index = input([1], { name: 'index', dtype: 'u32' });
  const node = gather(rows, cast(index, 'i32'));
  const message = /gather: feed index: index 2 at position 0 is outside 0 to 1/;
  await expect(engine.run(node, { index: Uint32Array.of(2) })).rejects.toThrow(message);
  const step = new Engine(new CpuBackend()).compile({ inputs: { index }, outputs: { node } });
  await expect(step({ index: [2] })).rejects.toThrow(message);
  expect((await step({ index: [1] })).node.shape).toEqual([1, 3]);
});

it('leaves computed indices and numbers cut to whole ones to the backend', () => {
  for (const indices of [add(two, 1), cast(tensor([-0.5, 1.5]), 'i32')])
    expect(() => engine.compile({ outputs: { node: gather(rows, indices) } })).toThrow(
      'the indices were not checked',
    );
});
