// A convolutional network with batch norm as PyTorch saves it: its counter of batches is an I64, which no dtype here is.
import { expect, it } from 'vitest';
import {
  add,
  arange,
  checkpoint,
  conv2d,
  div,
  FormatError,
  matmul,
  mul,
  nn,
  parameter,
  relu,
  reshape,
  safetensors,
  sqrt,
  sub,
  zeros,
} from '../../src/index.common.js';
import { openCpuEngine } from '../support/engine.js';

// By PyTorch 1.13 with manual_seed(1), after 5 steps of SGD on noise, in the layout of safetensors.torch: the state_dict of
//   Sequential(Conv2d(1, 2, 3), BatchNorm2d(2), ReLU(), Flatten(), Linear(8, 2))
const file = Uint8Array.from(
  atob(
    [
      'cAIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCIxLm51bV9iYXRjaGVzX3RyYWNrZWQi',
      'OnsiZHR5cGUiOiJJNjQiLCJzaGFwZSI6W10sImRhdGFfb2Zmc2V0cyI6WzAsOF19LCIwLmJpYXMiOnsiZHR5',
      'cGUiOiJGMzIiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOls4LDE2XX0sIjAud2VpZ2h0Ijp7ImR0eXBl',
      'IjoiRjMyIiwic2hhcGUiOlsyLDEsMywzXSwiZGF0YV9vZmZzZXRzIjpbMTYsODhdfSwiMS5iaWFzIjp7ImR0',
      'eXBlIjoiRjMyIiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbODgsOTZdfSwiMS5ydW5uaW5nX21lYW4i',
      'OnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOls5NiwxMDRdfSwiMS5ydW5uaW5n',
      'X3ZhciI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzEwNCwxMTJdfSwiMS53',
      'ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlsxMTIsMTIwXX0sIjQu',
      'YmlhcyI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzEyMCwxMjhdfSwiNC53',
      'ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsOF0sImRhdGFfb2Zmc2V0cyI6WzEyOCwxOTJdfX0g',
      'ICAFAAAAAAAAAO4wlT5pcNQ9578tPSvgo72Qeuu9GHPmPrA20b5yDas9BD0hPh3ofT6s9wM99UOqPnA4tT5v',
      '4/G9gNKuPkUvMr63uwG++KKSPkbKXT5RXJQ9yp2DvoAPob4elOk9iNpiPtd6oz8Bda4/Prg2P+aSHT93/q89',
      'HYkLPIUxlr05WQa+Ow8GO4/oFr6h/2+9nVzJvaT2oz3Th2g9pyKzvoxv/j3u67C9azZ5PoiGGz7Uqii++8gu',
      'vtpLdb0=',
    ].join(''),
  ),
  (letter) => letter.charCodeAt(0),
);
/** net.eval()(arange(32).reshape(2, 1, 4, 4) / 10 - 1) */
const result = [0.0859346, 0.0085166, 0.0034569, -0.1157086];

const engine = openCpuEngine();
const shapes = {
  '0.weight': [2, 1, 3, 3],
  '0.bias': [2],
  '1.weight': [2],
  '1.bias': [2],
  '1.running_mean': [2],
  '1.running_var': [2],
  '4.weight': [2, 8],
  '4.bias': [2],
} as const;
const build = (names: readonly string[] = Object.keys(shapes)) => ({
  parameters: names.map((name) => parameter(zeros(shapes[name as keyof typeof shapes]), { name })),
});

it('is read whole, its counter as i32', () => {
  const { tensors, skipped } = safetensors.decode(file);
  expect([tensors.size, skipped.size]).toEqual([9, 0]);
  expect(tensors.get('1.num_batches_tracked')).toEqual({
    shape: [],
    dtype: 'i32',
    data: Int32Array.of(5),
  });
});

it('gives what PyTorch gives, in a model without the counter', async () => {
  const model = build();
  const { ignored } = await checkpoint.load(engine, file, { model });
  expect(ignored).toEqual(['1.num_batches_tracked']);
  const [w, b, scale, shift, mean, variance, last, bias] = model.parameters as never[];
  const channels = (x: never) => reshape(x, [2, 1, 1]);
  const x = sub(div(reshape(arange(0, 32, { dtype: 'f32' }), [2, 1, 4, 4]), 10), 1);
  const z = add(conv2d(x, w!), channels(b!));
  const norm = div(sub(z, channels(mean!)), sqrt(add(channels(variance!), 1e-5)));
  const hidden = reshape(relu(add(mul(norm, channels(scale!)), channels(shift!))), [2, 8]);
  const { data } = await engine.run(add(matmul(hidden, last!, { transposeB: true }), bias!));
  for (const [i, value] of result.entries()) expect(data[i]).toBeCloseTo(value, 6);
});

it('gives what PyTorch gives, in a model of the same layers, and goes back into a file as it was', async () => {
  const model = nn.sequential(
    nn.conv2d(1, 2, 3),
    nn.batchNorm2d(2),
    relu,
    nn.flatten(),
    nn.dense(8, 2),
  );
  const { ignored } = await checkpoint.load(engine, file, { model });
  expect(ignored).toEqual([]);
  const x = sub(div(reshape(arange(0, 32, { dtype: 'f32' }), [2, 1, 4, 4]), 10), 1);
  const { data } = await engine.run(model.apply(x));
  for (const [i, value] of result.entries()) expect(data[i]).toBeCloseTo(value, 6);
  const { tensors } = safetensors.decode(file);
  expect(safetensors.decode(await checkpoint.save(engine, { model })).tensors).toEqual(tensors);
  const other = openCpuEngine();
  expect(await model.load(other, tensors)).toEqual({ missing: [], unexpected: [], mismatched: [] });
  expect(await other.run(model.apply(x))).toEqual(await engine.run(model.apply(x)));
});

it('is an error where weights of it have no place', async () => {
  const model = build(Object.keys(shapes).filter((name) => !name.includes('running')));
  await expect(checkpoint.load(engine, file, { model })).rejects.toThrow(FormatError);
  await expect(checkpoint.load(engine, file, { model })).rejects.toThrow(
    /nothing here is named '1.running_mean'/,
  );
});
