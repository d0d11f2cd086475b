// Error bounds are true (an f32 evaluation stays inside) and tight (a lost term, a lost row does not).
import { describe, expect, it } from 'vitest';
import { evaluateInterval, exact } from '../../src/check/compare.js';
import { TINY } from '../../src/core/bounds.js';
import { isFloat, type TensorData } from '../../src/core/dtype.js';
import { hostData } from '../../src/core/hostData.js';
import { type Shape, sizeOf } from '../../src/core/shape.js';
import { evaluateNode, evaluateOne, evaluateWith } from '../../src/cpu/evaluate.js';
import { definitionOf } from '../../src/graph/record.js';
import { outputIndex } from '../../src/graph/several.js';
import { isOf, type Tensor } from '../../src/graph/tensor.js';
import { topological } from '../../src/graph/walk.js';
import { type MatmulOptions, matmulOf, matmulSizes, multiply } from '../../src/ops/matmul.js';
import { table } from '../support/ops.js';
import { forAll, instantiate, seed, valuesOf } from '../support/property.js';

const rounded = (data: ArrayLike<number>): Float64Array => Float64Array.from(data, Math.fround);

/** Adds in f32, one after the other: the least accurate order. */
function sum32(x: TensorData, axes: readonly number[], shape: Shape): Float64Array {
  const out = new Float64Array(sizeOf(shape));
  const strides = x.shape.map((_, i) => sizeOf(x.shape.slice(i + 1)));
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  for (let i = 0; i < x.data.length; i++) {
    const to = kept.reduce(
      (flat, axis) => flat * x.shape[axis]! + (Math.floor(i / strides[axis]!) % x.shape[axis]!),
      0,
    );
    out[to] = Math.fround(out[to]! + x.data[i]!);
  }
  return out;
}

function matmul32(
  a: TensorData,
  b: TensorData,
  options: MatmulOptions,
  shape: Shape,
): Float64Array {
  const { k } = matmulSizes(a.shape, b.shape, options);
  const out = new Float64Array(sizeOf(shape));
  const only = (x: TensorData, p: number, last: boolean): TensorData => ({
    ...x,
    data: Float64Array.from(x.data, (value, i) => {
      const [row, column] = [
        Math.floor(i / x.shape.at(-1)!) % x.shape.at(-2)!,
        i % x.shape.at(-1)!,
      ];
      return (last ? column : row) === p ? value : 0;
    }),
  });
  for (let p = 0; p < k; p++) {
    const term = multiply(only(a, p, !options.transposeA), only(b, p, options.transposeB), options);
    term.forEach((value, i) => {
      out[i] = Math.fround(out[i]! + Math.fround(value));
    });
  }
  return out;
}

/** A node as f32 hardware would compute it; the functions of WGSL as correctly rounded. */
function evaluate32(node: Tensor, inputs: readonly TensorData[]): TensorData {
  const { kernel } = node.op;
  if (!isFloat(node.dtype)) return evaluateOne(node, inputs);
  const wrap = (data: Float64Array): TensorData => hostData(node.shape, node.dtype, data);
  if (kernel.kind === 'composed')
    return graph32([kernel.compose(node.inputs, node.options)].flat()[0]!, node, inputs);
  if (isOf(node, matmulOf)) return wrap(matmul32(inputs[0]!, inputs[1]!, node.options, node.shape));
  const { axes } = node.options as { axes: readonly number[] };
  if (kernel.kind === 'reduce' && kernel.name === 'sum')
    return wrap(sum32(inputs[0]!, axes, node.shape));
  return wrap(rounded(evaluateOne(node, inputs).data));
}
function graph32(y: Tensor, from: Tensor, inputs: readonly TensorData[]): TensorData {
  const values = new Map(from.inputs.map((node, i) => [node, inputs[i]!]));
  return evaluateWith<TensorData>([y], values, (each, given) => [evaluate32(each, given)])[0]!;
}

/** One output of a node that computes several, by the definition of its op; whole numbers are exact. */
function output32(call: Tensor, output: number, inputs: readonly TensorData[]): TensorData {
  const define = definitionOf(call.op);
  if (!define) return evaluateNode(call, inputs)[output]!;
  const results = [define(call.inputs, call.options)].flat();
  return graph32(results[output]!, call, inputs);
}

/** The bound of a node from exact inputs; a composed one's is what the bounds of its parts add up to. */
function boundOf(node: Tensor, inputs: readonly TensorData[], output: number): Float64Array {
  if (node.outputs) return evaluateInterval(node, inputs.map(exact))[output]!.errors;
  const { kernel } = node.op;
  const root =
    kernel.kind === 'composed' ? [kernel.compose(node.inputs, node.options)].flat()[0]! : node;
  const known = new Map(node.inputs.map((input, i) => [input, exact(inputs[i]!)]));
  return evaluateWith([root], known, evaluateInterval)[0]!.errors;
}

/** The largest |value − reference| / bound. */
function excess(
  node: Tensor,
  inputs: readonly TensorData[],
  value: TensorData,
  output = 0,
): number {
  const reference = evaluateNode(node, inputs)[output]!;
  const bound = boundOf(node, inputs, output);
  expect(bound.length).toBe(reference.data.length);
  expect(bound.every((allowed) => allowed >= 0)).toBe(true);
  let most = 0;
  bound.forEach((allowed, i) => {
    const difference = Math.abs(value.data[i]! - reference.data[i]!);
    if (difference > 0) most = Math.max(most, difference / (allowed + TINY));
  });
  return most;
}

const reals = (x: TensorData): boolean => isFloat(x.dtype);

describe(`error bounds (seed ${seed})`, () => {
  it.each(table)('$name: holds for an evaluation in f32', ({ samples }) => {
    forAll(samples(400), 25, (sample) => {
      const { y, feeds } = instantiate(sample);
      if (y.op.kernel.kind === 'leaf') return; // it changed nothing and returned its input
      const top = outputIndex(y) === undefined ? y : y.inputs[0]!;
      const output = outputIndex(y) ?? 0;
      const values = valuesOf(top.inputs, feeds).map((x) =>
        reals(x) ? { ...x, data: rounded(x.data) } : x,
      );
      const computed = top.outputs ? output32(top, output, values) : evaluate32(top, values);
      expect(excess(top, values, computed, output)).toBeLessThanOrEqual(1);
    });
  });

  // each term of a sum is lost by a zero, each of a sum of exponentials by a low logit
  it.each([
    ...['sum', 'mean', 'dot', 'matmul', 'scatterAdd'].map((name) => ({ name, lost: 0 })),
    ...['softmax', 'softmaxCrossEntropy'].map((name) => ({ name, lost: -99 })),
  ])('$name: a term too few is outside the bound', ({ name, lost }) => {
    let [caught, tried] = [0, 0];
    for (const { samples } of table.filter((entry) => entry.name === name))
      forAll(samples(300), 40, (sample) => {
        const { y, feeds } = instantiate(sample);
        const node = topological([y]).find(({ op }) =>
          ['reduce', 'matmul', 'scatter', 'composed'].includes(op.kernel.kind),
        );
        if (!node || node.inputs.some(({ shape }) => sizeOf(shape) < 2)) return;
        const [first, ...others] = valuesOf(node.inputs, feeds) as [TensorData, ...TensorData[]];
        const broken = {
          ...first,
          data: Float64Array.from(first.data, (value, i) => (i === 0 ? lost : value)),
        };
        const wrong = evaluateOne(node, [broken, ...others]);
        if (
          wrong.data.every(
            (value: number, i: number) => value === evaluateOne(node, [first, ...others]).data[i],
          )
        )
          return;
        tried++;
        if (excess(node, [first, ...others], wrong) > 1) caught++;
      });
    expect(tried).toBeGreaterThan(10);
    expect(caught).toBe(tried);
  });
});
