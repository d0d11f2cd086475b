import skeleton from '../../shaders/matmul.wgsl?raw';
import { bytesPerElement } from '../dtype.js';
import type { Tensor } from '../graph/tensor.js';
import { type MatmulOptions, matmulSizes } from '../ops/matmul.js';
import { type Shape, sizeOf } from '../shape.js';
import { digit, flat, project } from './index.js';
import { type AdapterClass, type EmitOptions, type Kernel, writeResults } from './kernels.js';
import { base } from './partition.js';
import type { Unit } from './units.js';
import { fillSkeleton, Writer } from './writer.js';

/** 4·rows × 4·columns outputs an invocation, in workgroups of x × y invocations. */
type Tile = readonly [rows: number, columns: number, x: number, y: number];

const hardware: Tile = [1, 1, 16, 8];
/** Measured choices by which side is transposed; every tile adds k in ascending order, so they change speed and never bits. */
const tiles: Readonly<Record<AdapterClass, Readonly<Record<string, Tile>>>> = {
  lavapipe: { NN: [2, 1, 8, 1], NT: [2, 1, 1, 8], TN: [2, 1, 4, 4], TT: [1, 1, 8, 8] },
  swiftshader: { NN: [4, 2, 4, 4], NT: [2, 4, 4, 4], TN: [2, 4, 4, 4], TT: [2, 2, 4, 4] },
  gpu: { NN: hardware, NT: hardware, TN: hardware, TT: hardware },
};

/** Multiply-adds below which a large tile takes longer to compile than it ever saves. */
const SMALL = 2 ** 22;

/** The tile for a product; small ones take small tiles: little text, and work for every core. */
function fitTile([rows, columns, x, y]: Tile, isSmall: boolean, m: number, n: number): Tile {
  const down = isSmall ? 1 : Math.min(rows, Math.ceil(m / 4));
  const across = isSmall ? 1 : Math.min(columns, Math.ceil(n / 4));
  return [down, across, Math.min(x, Math.ceil(n / (4 * across))), Math.min(y, Math.ceil(m / (4 * down)))];
}

interface Operand {
  readonly name: 'a' | 'b';
  readonly node: Tensor;
  /** The matrix as it lies: [P, Q], Q contiguous. */
  readonly p: number;
  readonly q: number;
  /** Whether k runs along its rows or its columns. */
  readonly inner: 'p' | 'q';
}

/** Whether both operands can be read in vec4s along their contiguous axis, four steps of k at a time. */
const isWide = ({ node, q }: Operand, stored: ReadonlySet<Tensor>): boolean =>
  stored.has(base(node)) && q % 4 === 0 && bytesPerElement(node.dtype) === 4;

/**
 * fn load_a / load_b: DEPTH steps of k, each a vec4 along m or n. In fours: vec4 loads, transposed where k is the
 * contiguous axis; k beyond K gives zeros. One by one: four elements of one k. Other overhang is never stored.
 */
function writeLoader(kernel: Writer, operand: Operand, batch: Shape, { stored }: EmitOptions, depth: number): string {
  const { name, node, p, q, inner } = operand;
  const lead = project(digit('batch', sizeOf(batch)), batch, node.shape.slice(0, -2), String);
  const along = name === 'a' ? 'm' : 'n';
  const head = `fn load_${name}(batch: u32, ${name === 'a' ? 'm: u32, k: u32' : 'k: u32, n: u32'})`;
  const steps = [0, 1, 2, 3];
  if (depth === 1) {
    const places = steps.map((s) => {
      const here = `min(${along} + ${s}u, ${(inner === 'p' ? q : p) - 1}u)`;
      return `element_${name}(batch, ${inner === 'p' ? `k, ${here}` : `${here}, k`})`;
    });
    // one element of the operand through whatever view it is
    const writer = new Writer({ isStored: (each) => stored.has(each) }, kernel);
    writer.open('batch', 'p', 'q');
    const value = writer.value(node, [...lead, ...digit('p', p), ...digit('q', q)]);
    const body = [writer.close(), `return ${value};`];
    const element = `fn element_${name}(batch: u32, p: u32, q: u32) -> f32 {\n${[writer.frame().prologue, ...body].join('\n')}\n}\n`;
    return `${element}${head} -> array<vec4f, 1> { return array(vec4f(${places.join(', ')})); }`;
  }
  const [outer, contiguous] = inner === 'p' ? ['k', along] : [along, 'k'];
  const offset = lead.length ? `${flat(lead)} * ${(p * q) / 4}u + ` : '';
  const buffer = kernel.bind(base(node), 'read', true);
  const rows = steps.map((s) => {
    const vector = `${buffer}[${offset}min(${outer} + ${s}u, ${p - 1}u) * ${q / 4}u + ${contiguous} / 4u]`;
    return inner === 'p' && p % 4 !== 0 ? `select(vec4f(), ${vector}, ${outer} + ${s}u < ${p}u)` : vector;
  });
  const block = `mat4x4f(${rows.join(', ')})`;
  return `${head} -> mat4x4f { return ${inner === 'q' ? `transpose(${block})` : block}; }`;
}

/** A matrix product; its epilogue is fn finish, for four neighbouring outputs of one row. */
export function emitMatmul(unit: Unit, options: EmitOptions): Kernel {
  const [head] = unit.heads;
  const [a, b] = head!.inputs as [Tensor, Tensor];
  const { transposeA, transposeB } = head!.options as MatmulOptions;
  const { batch, m, n, k } = matmulSizes(a.shape, b.shape, { transposeA, transposeB });
  const at = flat(unit.rowIndex);
  const inWords = ({ dtype }: Tensor): boolean => bytesPerElement(dtype) === 4;
  const wide = n % 4 === 0 && unit.stores.every(inWords);
  const { writer, ...parts } = writeResults(unit, options, wide, (node, place) =>
    inWords(node) && (place === at || place === 'n') ? `${place.replace(/\bn\b/g, 'first')} / 4u` : undefined,
  );
  const guard = wide ? '' : `if (first + \${lane}u < N)`;
  const operands: Operand[] = [
    { name: 'a', node: a, ...(transposeA ? { p: k, q: m, inner: 'p' } : { p: m, q: k, inner: 'q' }) },
    { name: 'b', node: b, ...(transposeB ? { p: n, q: k, inner: 'q' } : { p: k, q: n, inner: 'p' }) },
  ];
  const DEPTH = operands.every((operand) => isWide(operand, options.stored)) ? 4 : 1;
  const loaders = operands.map((operand) => writeLoader(writer, operand, batch, options, DEPTH)).join('\n');
  const tile = tiles[options.adapter][`${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`]!;
  // element by element, every operand's address is computed anew: small tiles keep the kernel's text short
  const isSmall = DEPTH === 1 || m * n * k < SMALL;
  const [ROW_TILES, COLUMN_TILES, GROUP_X, GROUP_Y] = fitTile(tile, isSmall, m, n);
  const sizes = { M: m, N: n, K: k, DEPTH, ROW_TILES, COLUMN_TILES, GROUP_X, GROUP_Y };
  const wgsl = fillSkeleton(skeleton, { ...writer.frame(), ...parts, loaders, guard }, sizes);
  const across = Math.ceil(n / (4 * COLUMN_TILES * GROUP_X));
  const down = Math.ceil(m / (4 * ROW_TILES * GROUP_Y));
  return { wgsl, bindings: writer.bindings, workgroups: [across, down, sizeOf(batch)] };
}
