import skeleton from '../../shaders/matmul.wgsl?raw';
import { bytesPerElement } from '../dtype.js';
import type { Tensor } from '../graph/tensor.js';
import { type MatmulOptions, matmulSizes } from '../ops/matmul.js';
import { type Shape, sizeOf } from '../shape.js';
import { base } from './alias.js';
import { digit, flat, type Index, project } from './index.js';
import { type AdapterClass, type EmitOptions, type Kernel, type Tile, writeResults } from './kernels.js';
import type { Unit } from './units.js';
import { fillSkeleton } from './vocabulary.js';
import { Writer } from './writer.js';

type Orientation = 'NN' | 'NT' | 'TN' | 'TT';

const tile = (rows: number, columns: number, x: number, y: number): Tile => ({ rows, columns, x, y });
const hardware = tile(1, 1, 16, 8);
/** Measured choices; every tile adds k in ascending order, so they change speed and never bits. */
const tiles: Readonly<Record<AdapterClass, Readonly<Record<Orientation, Tile>>>> = {
  lavapipe: { NN: tile(1, 2, 4, 4), NT: tile(1, 1, 8, 1), TN: tile(2, 1, 4, 4), TT: tile(1, 1, 8, 8) },
  swiftshader: { NN: tile(4, 2, 4, 4), NT: tile(2, 4, 4, 4), TN: tile(2, 4, 4, 4), TT: tile(2, 2, 4, 4) },
  gpu: { NN: hardware, NT: hardware, TN: hardware, TT: hardware },
};

/** Multiply-adds below which a large tile takes longer to compile than it ever saves. */
const SMALL = 2 ** 22;

/** The tile for a product; small ones take small tiles: little text, and work for every core. */
function fitTile(chosen: Tile, m: number, n: number, k: number): Tile {
  const isSmall = m * n * k < SMALL;
  const rows = isSmall ? 1 : Math.min(chosen.rows, Math.ceil(m / 4));
  const columns = isSmall ? 1 : Math.min(chosen.columns, Math.ceil(n / 4));
  const [x, y] = [Math.ceil(n / (4 * columns)), Math.ceil(m / (4 * rows))];
  return { rows, columns, x: Math.min(chosen.x, x), y: Math.min(chosen.y, y) };
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
function writeLoader(
  kernel: Writer,
  operand: Operand,
  batch: Shape,
  stored: ReadonlySet<Tensor>,
  depth: number,
): string {
  const { name, node, p, q, inner } = operand;
  const lead = node.shape.slice(0, -2);
  const batchIndex = project(digit('batch', sizeOf(batch)), batch, lead, String);
  const along = name === 'a' ? 'm' : 'n';
  const head = `fn load_${name}(batch: u32, ${name === 'a' ? 'm: u32, k: u32' : 'k: u32, n: u32'})`;
  if (depth === 1) {
    const places = [0, 1, 2, 3].map((s) => {
      const here = `min(${along} + ${s}u, ${(inner === 'p' ? q : p) - 1}u)`;
      return `element_${name}(batch, ${inner === 'p' ? `k, ${here}` : `${here}, k`})`;
    });
    const element = writeElement(kernel, operand, batchIndex, stored);
    return `${element}${head} -> array<vec4f, 1> { return array(vec4f(${places.join(', ')})); }`;
  }
  const [outer, contiguous] = inner === 'p' ? ['k', along] : [along, 'k'];
  const offset = batchIndex.length ? `${flat(batchIndex)} * ${(p * q) / 4}u + ` : '';
  const buffer = kernel.bind(base(node), 'read', true);
  const rows = [0, 1, 2, 3].map((s) => {
    const vector = `${buffer}[${offset}min(${outer} + ${s}u, ${p - 1}u) * ${q / 4}u + ${contiguous} / 4u]`;
    return inner === 'p' && p % 4 !== 0 ? `select(vec4f(), ${vector}, ${outer} + ${s}u < ${p}u)` : vector;
  });
  const block = `mat4x4f(${rows.join(', ')})`;
  return `${head} -> mat4x4f { return ${inner === 'q' ? `transpose(${block})` : block}; }`;
}

/** fn element_a / element_b: one element of an operand through whatever view it is. */
function writeElement(
  kernel: Writer,
  { name, node, p, q }: Operand,
  batch: Index,
  stored: ReadonlySet<Tensor>,
): string {
  const writer = new Writer({ isStored: (each) => stored.has(each) }, kernel);
  writer.open('batch', 'p', 'q');
  const value = writer.value(node, [...batch, ...digit('p', p), ...digit('q', q)]);
  const lines = [writer.close(), `return ${value};`];
  return `fn element_${name}(batch: u32, p: u32, q: u32) -> f32 {\n${[writer.frame().prologue, ...lines].join('\n')}\n}\n`;
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
  const loaders = operands.map((operand) => writeLoader(writer, operand, batch, options.stored, DEPTH)).join('\n');
  const orientation = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}` as Orientation;
  const chosen = tiles[options.adapter][orientation];
  // element by element, every operand's address is computed anew: small tiles keep the kernel's text short
  const fitted = fitTile(DEPTH === 4 ? chosen : { ...chosen, rows: 1, columns: 1 }, m, n, k);
  const { rows: ROW_TILES, columns: COLUMN_TILES, x: GROUP_X, y: GROUP_Y } = fitted;
  const sizes = { M: m, N: n, K: k, DEPTH, ROW_TILES, COLUMN_TILES, GROUP_X, GROUP_Y };
  const wgsl = fillSkeleton(skeleton, { ...writer.frame(), ...parts, loaders, guard }, sizes);
  const across = Math.ceil(n / (4 * COLUMN_TILES * GROUP_X));
  const down = Math.ceil(m / (4 * ROW_TILES * GROUP_Y));
  return { wgsl, bindings: writer.bindings, workgroups: [across, down, sizeOf(batch)] };
}
