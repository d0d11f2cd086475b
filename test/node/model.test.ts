import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NablaError } from '../../src/core/errors.js';
import { CpuBackend } from '../../src/cpu/backend.js';
import { Engine } from '../../src/engine/engine.js';
import * as checkpoint from '../../src/io/checkpoint.js';
import {
  type Architecture,
  buildModel,
  describeModel,
  openModel,
} from '../../src/node/cli/model.js';
import { saveFile } from '../../src/node/files.js';
import { zeros } from '../../src/ops/leaf.js';

const lenet: Architecture = {
  ...{ kind: 'cnn', sizes: [784, 120, 84, 10] },
  ...{ activation: 'relu', loss: 'crossEntropy' },
};

it("numbers a convolutional model's weights as PyTorch's Sequential does", () => {
  const model = buildModel(lenet, 1);
  expect(describeModel(lenet)).toBe('784-c8-c16-120-84-10 relu, crossEntropy');
  expect(model.parameters.map(({ name, shape }) => `${name} [${shape.join()}]`)).toEqual([
    ...['0.weight [8,1,5,5]', '0.bias [8]', '3.weight [16,8,5,5]', '3.bias [16]'],
    ...[
      '7.weight [120,400]',
      '7.bias [120]',
      '9.weight [84,120]',
      '9.bias [84]',
      '11.weight [10,84]',
      '11.bias [10]',
    ],
  ]);
  expect(model.apply(zeros([3, 784])).shape).toEqual([3, 10]);
});

it('keeps the architecture in the file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-model-'));
  await using engine = new Engine(new CpuBackend());
  const file = join(folder, 'cnn.safetensors');
  const metadata = { architecture: JSON.stringify(lenet) };
  await saveFile(file, await checkpoint.save(engine, { model: buildModel(lenet, 1), metadata }));
  const saved = await openModel(file);
  expect(saved.architecture).toEqual(lenet);
  await saved.loadInto(engine);
  expect(saved.model.parameters.map(({ shape }) => shape.length)).toEqual([
    4, 1, 4, 1, 2, 1, 2, 1, 2, 1,
  ]);
  await rm(folder, { recursive: true });
});

it('takes square images that are large enough', () => {
  for (const pixels of [20, 81])
    expect(() => buildModel({ ...lenet, sizes: [pixels, 10] }, 1)).toThrow(NablaError);
});
