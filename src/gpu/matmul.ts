import skeleton from '../../shaders/matmul.wgsl?raw';
import { bytesPerElement } from '../dtype.js';
import type { Tensor } from '../graph/tensor.js';
import { type MatmulOptions, matmulSizes } from '../ops/matmul.js';
import { type Shape, sizeOf } from '../shape.js';
import { base } from './alias.js';
import { digit, flat, type Index, project } from './index.js';
import {
  type AdapterClass,
  type EmitOptions,
  frame,
  type Kernel,
  type Tile,
  toStorage,
  vectorLoad,
} from './kernels.js';
import { members, type Unit, unitWriter } from './units.js';
import { fillSkeleton } from './vocabulary.js';
import { storageType, Writer } from './writer.js';

type Orientation = 'NN' | 'NT' | 'TN' | 'TT';

/** Measured choices; every tile adds k in ascending order, so they change speed and never bits. */
const tiles: Readonly<Record<AdapterClass, Readonly<Record<Orientation, Tile>>>> = {
  lavapipe: {
    NN: { rows: 1, columns: 2, x: 4, y: 4 },
    NT: { rows: 1, columns: 1, x: 8, y: 1 },
    TN: { rows: 2, columns: 1, x: 4, y: 4 },
    TT: { rows: 1, columns: 1, x: 8, y: 8 },
  },
  swiftshader: {
    NN: { rows: 4, columns: 2, x: 4, y: 4 },
    NT: { rows: 2, columns: 4, x: 4, y: 4 },
    TN: { rows: 2, columns: 4, x: 4, y: 4 },
    TT: { rows: 2, columns: 2, x: 4, y: 4 },
  },
  gpu: {
    NN: { rows: 1, columns: 1, x: 16, y: 8 },
    NT: { rows: 1, columns: 1, x: 16, y: 8 },
    TN: { rows: 1, columns: 1, x: 16, y: 8 },
    TT: { rows: 1, columns: 1, x: 16, y: 8 },
  },
};

/** Multiply-adds below which a large tile takes longer to compile than it ever saves. */
const SMALL = 2 ** 22;

/** The tile for a product; small ones take small tiles: little text, and work for every core. */
function fitTile(chosen: Tile, m: number, n: number, k: number): Tile {
  const tile = m * n * k < SMALL ? { ...chosen, rows: 1, columns: 1 } : chosen;
  const rows = Math.min(tile.rows, Math.ceil(m / 4));
  const columns = Math.min(tile.columns, Math.ceil(n / 4));
  return {
    rows,
    columns,
    x: Math.min(tile.x, Math.ceil(n / (4 * columns))),
    y: Math.min(tile.y, Math.ceil(m / (4 * rows))),
  };
}

interface Operand {
  readonly name: 'a' | 'b';
  readonly node: Tensor;
  /** The logical matrix without transposition: [P, Q], Q contiguous. */
  readonly p: number;
  readonly q: number;
  /** Whether rows or columns of [P, Q] run along k. */
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
  writer: Writer,
  unit: Unit,
  operand: Operand,
  batch: Shape,
  stored: ReadonlySet<Tensor>,
  depth: number,
): string {
  const { name, node, p, q, inner } = operand;
  const lead = node.shape.slice(0, -2);
  const batchIndex = project(digit('batch', sizeOf(batch)), batch, lead, (text) => text);
  const along = name === 'a' ? 'm' : 'n';
  const head = `fn load_${name}(batch: u32, ${name === 'a' ? 'm: u32, k: u32' : 'k: u32, n: u32'})`;
  if (depth === 1) {
    const places = [0, 1, 2, 3].map((s) => {
      const here = `min(${along} + ${s}u, ${(inner === 'p' ? q : p) - 1}u)`;
      return `element_${name}(batch, ${inner === 'p' ? `k, ${here}` : `${here}, k`})`;
    });
    return `${writeElement(writer, unit, operand, batchIndex, stored)}${head} -> array<vec4f, 1> { return array(vec4f(${places.join(', ')})); }`;
  }
  const [outer, contiguous] = inner === 'p' ? ['k', along] : [along, 'k'];
  const offset = batchIndex.length ? `${flat(batchIndex)} * ${(p * q) / 4}u + ` : '';
  const rows = [0, 1, 2, 3].map((s) => {
    const row = `min(${outer} + ${s}u, ${p - 1}u)`;
    const vector = `${writer.bind(base(node), 'read', true)}[${offset}${row} * ${q / 4}u + ${contiguous} / 4u]`;
    return inner === 'p' && p % 4 !== 0 ? `select(vec4f(), ${vector}, ${outer} + ${s}u < ${p}u)` : vector;
  });
  const block = `mat4x4f(${rows.join(', ')})`;
  return `${head} -> mat4x4f { return ${inner === 'q' ? `transpose(${block})` : block}; }`;
}

/** fn element_a / element_b: one element of an operand through whatever view it is. */
function writeElement(
  kernel: Writer,
  unit: Unit,
  { name, node, p, q }: Operand,
  batchIndex: Index,
  stored: ReadonlySet<Tensor>,
): string {
  const writer = new Writer(
    { isStored: (each) => each.op.kernel.kind === 'leaf' || (stored.has(each) && !members(unit).includes(each)) },
    kernel,
  );
  writer.open('batch', 'p', 'q');
  const value = writer.value(node, [...batchIndex, ...digit('p', p), ...digit('q', q)]);
  const lines = writer.close();
  return `fn element_${name}(batch: u32, p: u32, q: u32) -> f32 {\n${writer.prologue}\n${lines}\nreturn ${value};\n}\n`;
}

/** fn finish: the epilogue of four neighbouring outputs of one row. */
function writeFinish(
  writer: Writer,
  unit: Unit,
  { target }: EmitOptions,
  m: number,
  n: number,
  loads: string[],
  wide: boolean,
): string {
  const wanted = members(unit).filter((node) => unit.stores.includes(node));
  const results = wanted.map((node) => toStorage(node, writer.value(node, unit.rowIndex)));
  const body = [writer.prologue, writer.close()];
  const at = flat(unit.rowIndex);
  const stores: string[] = [];
  wanted.forEach((node, r) => {
    const buffer = writer.bind(target(node), 'read_write', wide);
    if (wide) loads.push(`var r${r}: vec4<${storageType(node.dtype)}>;`);
    body.push(wide ? `r${r}[\${lane}] = ${results[r]};` : `${buffer}[${at}] = ${results[r]};`);
    if (wide) stores.push(`${buffer}[${firstOf(at)} / 4u] = r${r};`);
  });
  const guard = wide ? '' : `if (first + \${lane}u < ${n}u)`;
  return `fn finish(batch: u32, m: u32, first: u32, value: vec4f) {
if (m >= ${m}u || first >= ${n}u) { return; }
${loads.join('\n')}
//:repeat lane 4
${guard} {
let n = first + \${lane}u;
let head = value[\${lane}];
${body.join('\n')}
}
//:end
${stores.join('\n')}
}`;
}

const firstOf = (at: string): string => at.replace(/\bn\b/g, 'first');

/** A matrix product with its epilogue. */
export function emitMatmul(unit: Unit, options: EmitOptions): Kernel {
  const [head] = unit.heads;
  const [a, b] = head!.inputs as [Tensor, Tensor];
  const { transposeA, transposeB } = head!.options as MatmulOptions;
  const { batch, m, n, k } = matmulSizes(a.shape, b.shape, { transposeA, transposeB });
  const at = flat(unit.rowIndex);
  const wide = n % 4 === 0 && unit.stores.every((node) => bytesPerElement(node.dtype) === 4);
  const loads: string[] = [];
  const writer = unitWriter(unit, options.stored, {
    local: () => 'head',
    load: (node, place) =>
      wide && bytesPerElement(node.dtype) === 4 && (place === at || place === 'n')
        ? vectorLoad(writer, loads, node, `${firstOf(place)} / 4u`)
        : undefined,
  });
  const finish = writeFinish(writer, unit, options, m, n, loads, wide);
  const operands: Operand[] = [
    {
      name: 'a',
      node: a,
      p: transposeA ? k : m,
      q: transposeA ? m : k,
      inner: transposeA ? 'p' : 'q',
    },
    {
      name: 'b',
      node: b,
      p: transposeB ? n : k,
      q: transposeB ? k : n,
      inner: transposeB ? 'q' : 'p',
    },
  ];
  const depth = operands.every((operand) => isWide(operand, options.stored)) ? 4 : 1;
  const loaders = operands.map((operand) => writeLoader(writer, unit, operand, batch, options.stored, depth));
  const orientation = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}` as Orientation;
  // element by element, every operand's address is computed anew: small tiles keep the kernel's text short
  const chosen = options.tile ?? tiles[options.adapter][orientation];
  const tile = fitTile(depth === 4 ? chosen : { ...chosen, rows: 1, columns: 1 }, m, n, k);
  const sizes = {
    M: m,
    N: n,
    K: k,
    DEPTH: depth,
    ROW_TILES: tile.rows,
    COLUMN_TILES: tile.columns,
    GROUP_X: tile.x,
    GROUP_Y: tile.y,
  };
  const wgsl = fillSkeleton(skeleton, { ...frame(writer), functions: [...loaders, finish].join('\n') }, sizes);
  const across = Math.ceil(n / (4 * tile.columns * tile.x));
  const down = Math.ceil(m / (4 * tile.rows * tile.y));
  return { wgsl, bindings: writer.bindings, workgroups: [across, down, sizeOf(batch)] };
}
