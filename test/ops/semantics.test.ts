// Ops of whole tensors against definitions by coordinates, which share no code with them.
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../src/core/dtype.js';
import { formatShape, type Shape, sizeOf } from '../../src/core/shape.js';
import type { Options } from '../../src/graph/op.js';
import { table } from '../support/ops.js';
import { distance, forAll, instantiate, seed, valuesOf } from '../support/property.js';

type At = readonly number[];
type Read = (...at: number[]) => number;

const coordinatesOf = (flat: number, shape: Shape): number[] => {
  const at: number[] = [];
  let rest = flat;
  for (const size of [...shape].reverse()) {
    at.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return at;
};
const read =
  ({ shape, data }: TensorData): Read =>
  (...at) => {
    // broadcast: leading coordinates beyond the rank go, axes of size 1 repeat
    const own = at.slice(at.length - shape.length);
    return data[own.reduce((flat, c, i) => flat * shape[i]! + (shape[i] === 1 ? 0 : c), 0)]!;
  };
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const every = (shape: Shape): number[][] =>
  range(sizeOf(shape)).map((flat) => coordinatesOf(flat, shape));

/** Value of an output element, from the inputs' values, the options of the op's node and the output's shape. */
type Definition = {
  of(at: At, inputs: readonly TensorData[], options: Options, shape: Shape): number;
}['of'];

const overAxes =
  (fold: (values: number[]) => number): Definition =>
  (at, [x], { axes, keepDims }: { axes: number[]; keepDims: boolean }) => {
    const kept = [...at];
    const outer = x!.shape.map((_, i) =>
      axes.includes(i) ? (keepDims ? kept.shift()! * 0 : 0) : kept.shift()!,
    );
    const spans = every(axes.map((axis) => x!.shape[axis]!));
    return fold(
      spans.map((span) =>
        read(x!)(...outer.map((c, i) => (axes.includes(i) ? span[axes.indexOf(i)]! : c))),
      ),
    );
  };
const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);

const definitions: Record<string, Definition> = {
  sum: overAxes(sum),
  max: overAxes((values) => Math.max(...values)),
  min: overAxes((values) => Math.min(...values)),
  argMax: overAxes((values) => values.indexOf(Math.max(...values))),
  softmax: (at, [x], { axis }: { axis: number }) => {
    const line = range(x!.shape[axis]!).map((i) => Math.exp(read(x!)(...at.with(axis, i))));
    return line[at[axis]!]! / sum(line);
  },
  logSoftmax: (at, [x], { axis }: { axis: number }) => {
    const line = range(x!.shape[axis]!).map((i) => Math.exp(read(x!)(...at.with(axis, i))));
    return Math.log(line[at[axis]!]! / sum(line));
  },
  transpose: (at, [x], { axes }: { axes: number[] }) =>
    read(x!)(...axes.map((_, i) => at[axes.indexOf(i)]!)),
  broadcastTo: (at, [x]) => read(x!)(...at),
  slice: (at, [x], { widths }: { widths: number[][] }) =>
    read(x!)(...at.map((c, i) => c - widths[i]![0]!)),
  pad: (at, [x], { widths, value }: { widths: [number, number][]; value: number }) => {
    const from = at.map((c, i) => c - widths[i]![0]);
    return from.every((c, i) => c >= 0 && c < x!.shape[i]!) ? read(x!)(...from) : value;
  },
  gather: (at, [x, indices], { axis }: { axis: number }) => {
    const picks = indices!.shape.length;
    const row = read(indices!)(...at.slice(axis, axis + picks));
    return read(x!)(...at.slice(0, axis), row, ...at.slice(axis + picks));
  },
  scatterAdd: ([o, r, i], [values, indices]) =>
    sum(
      range(indices!.data.length).map((p) =>
        indices!.data[p] === r ? read(values!)(o!, p, i!) : 0,
      ),
    ),
  oneHot: (at, [indices]) => Number(read(indices!)(...at.slice(0, -1)) === at.at(-1)),
  outer: (at, [u, v]) => read(u!)(...at) * read(v!)(...at),
  where: (at, [c, a, b]) => (read(c!)(...at) ? read(a!)(...at) : read(b!)(...at)),
  eye: (at) => Number(at.slice(0, at.length / 2).every((c, i) => c === at[at.length / 2 + i])),
};

const nodeOps = (name: string) => table.filter((entry) => entry.name === name);

describe(`definitions by coordinates (seed ${seed})`, () => {
  it.each(Object.keys(definitions))('%s', (name) => {
    for (const entry of nodeOps(name))
      forAll(entry.samples(200), 40, (sample) => {
        const { y, feeds } = instantiate(sample);
        if (y.op.name !== name) return; // it changed nothing and returned its input
        const [output, ...inputs] = valuesOf([y, ...y.inputs], feeds);
        const expected = every(y.shape).map((at) =>
          definitions[name]!(at, inputs, y.options, y.shape),
        );
        expect(output!.shape).toEqual(y.shape);
        expect(distance(output!.data, expected)).toBeLessThan(1e-12);
      });
  });

  it('matmul with vectors, batches and transposes, as numpy.matmul', () => {
    forAll(nodeOps('matmul')[0]!.samples(200), 150, (sample) => {
      const { y, feeds } = instantiate(sample);
      const { transposeA, transposeB } = JSON.parse(sample.label.replace('matmul ', '')) as Record<
        string,
        boolean
      >;
      const [output, a, b] = valuesOf([y, ...feeds.keys()], feeds);
      const k = a!.shape.length > 1 && transposeA ? a!.shape.at(-2)! : a!.shape.at(-1)!;
      const expected = every(y.shape).map((at) => {
        const rest = [...at];
        const n = b!.shape.length > 1 ? [rest.pop()!] : [];
        const m = a!.shape.length > 1 ? [rest.pop()!] : [];
        const side = (
          batch: number[],
          row: number[],
          p: number,
          swapped: boolean | undefined,
        ): number[] =>
          row.length === 0 ? [p] : [...batch, ...(swapped ? [p, ...row] : [...row, p])];
        return sum(
          range(k).map(
            (p) =>
              read(a!)(...side(rest, m, p, transposeA)) *
              read(b!)(...side(rest, n, p, !transposeB)),
          ),
        );
      });
      expect(formatShape(output!.shape)).toBe(formatShape(y.shape));
      expect(distance(output!.data, expected)).toBeLessThan(1e-12);
    });
  });

  it('concat joins along its axis, however many pieces', () => {
    forAll(nodeOps('concat')[0]!.samples(100), 60, (sample) => {
      const { y, inputs, feeds } = instantiate(sample);
      const axis = Number(sample.label.split(' ').at(-1));
      const [output, ...pieces] = valuesOf([y, ...inputs], feeds);
      const expected = every(y.shape).map((at) => {
        const rows = pieces.flatMap((piece) =>
          range(piece.shape[axis]!).map((row) => ({ piece, row })),
        );
        const { piece, row } = rows[at[axis]!]!;
        return read(piece)(...at.with(axis, row));
      });
      expect(distance(output!.data, expected)).toBe(0);
    });
  });

  it('reshape keeps the row-major order', () => {
    forAll(nodeOps('reshape')[0]!.samples(100), 40, (sample) => {
      const { y, inputs, feeds } = instantiate(sample);
      const [output, input] = valuesOf([y, inputs[0]!], feeds);
      expect([...output!.data]).toEqual([...input!.data]);
    });
  });
});
