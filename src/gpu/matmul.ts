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

/** Measured choices; every tile adds k in ascending order, so they change speed and never bits. */
const tiles: Readonly<Record<AdapterClass, Tile>> = {
  lavapipe: [2, 1, 8, 1],
  swiftshader: [4, 2, 4, 4],
  gpu: [1, 1, 16, 8],
};

/** Multiply-adds below which a large tile takes longer to compile than it ever saves. */
const SMALL = 2 ** 22;

/** The tile for a product; small ones take small tiles: little text, and work for every core. A subgroup's lanes lie along n. */
function fitTile([rows, columns, x, y]: Tile, lanes: number, isSmall: boolean, m: number, n: number): Tile {
  const down = isSmall ? Math.max(1, lanes / 4) : Math.min(rows, Math.ceil(m / 4));
  const across = isSmall ? 1 : Math.min(columns, Math.ceil(n / 4));
  if (lanes > 1) return [down, across, lanes, 1];
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
 * fn vector_a / vector_b: what is read of an operand as it lies. In fours: Q contiguous elements of one row, zeros beyond K.
 * One by one: an element, through whatever view the operand is. Other overhang is never stored.
 */
function writeVector(kernel: Writer, operand: Operand, batch: Shape, { stored }: EmitOptions, depth: number): string {
  const { name, node, p, q, inner } = operand;
  const lead = project(digit('batch', sizeOf(batch)), batch, node.shape.slice(0, -2), String);
  const head = `fn vector_${name}(batch: u32, row: u32, column: u32)`;
  if (depth === 1) {
    const writer = new Writer({ isStored: (each) => stored.has(each) }, kernel);
    writer.open('batch', 'p', 'q');
    const value = writer.value(node, [...lead, ...digit('p', p), ...digit('q', q)]);
    const inside = `let p = min(row, ${p - 1}u);\nlet q = min(column, ${q - 1}u);`;
    const body = [inside, writer.close(), `return ${value};`];
    return `${head} -> f32 {\n${[writer.frame().prologue, ...body].join('\n')}\n}`;
  }
  const offset = lead.length ? `${flat(lead)} * ${(p * q) / 4}u + ` : '';
  const vector = `${kernel.bind(base(node), 'read', true)}[${offset}min(row, ${p - 1}u) * ${q / 4}u + column / 4u]`;
  const isCut = inner === 'p' && p % 4 !== 0;
  return `${head} -> vec4f { return ${isCut ? `select(vec4f(), ${vector}, row < ${p}u)` : vector}; }`;
}

/**
 * How the skeleton reads. `load_a` gives the q-th vector of a tile's rows of A for DEPTH steps of k, and `element` is
 * A[m0 + 4 I + s, k + t] of them, from the lane that read it; `load_b` gives B[k + t, n .. n + 3] for each t.
 */
function writeLoaders(a: Operand, b: Operand, depth: number, lanes: number): { loaders: string; element: string } {
  const steps = [0, 1, 2, 3];
  const alongK = depth === 1 || a.inner === 'q';
  const [vector, component] = alongK ? ['s', 't'] : ['t', 's'];
  const place = `4u * \${I}u + \${${vector}}u`;
  const value = `left[(${place}) / LANES][\${${component}}]`;
  const element = `let element = ${lanes > 1 ? `subgroupBroadcast(${value}, (${place}) % LANES)` : value};`;
  const at = a.inner === 'q' ? 'm0 + q, k' : depth === 1 ? 'k, m0 + q' : 'k + q % 4u, m0 + q / 4u * 4u';
  const left = `vector_a(batch, ${at})`;
  const loadA = `fn load_a(batch: u32, m0: u32, k: u32, q: u32) -> vec4f { return ${depth === 1 ? `vec4f(${left})` : left}; }`;
  const rights = steps.map((s) => {
    if (depth === 1) return `vector_b(batch, ${b.inner === 'p' ? `k, n + ${s}u` : `n + ${s}u, k`})`;
    return `vector_b(batch, ${b.inner === 'p' ? `k + ${s}u, n` : `n + ${s}u, k`})`;
  });
  const block = `mat4x4f(${rights.join(', ')})`;
  const right = depth === 1 ? `array(vec4f(${rights.join(', ')}))` : b.inner === 'q' ? `transpose(${block})` : block;
  const type = depth === 1 ? 'array<vec4f, 1>' : 'mat4x4f';
  const loadB = `fn load_b(batch: u32, k: u32, n: u32) -> ${type} { return ${right}; }`;
  return { loaders: `${loadA}\n${loadB}`, element };
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
  const operands: [Operand, Operand] = [
    { name: 'a', node: a, ...(transposeA ? { p: k, q: m, inner: 'p' } : { p: m, q: k, inner: 'q' }) },
    { name: 'b', node: b, ...(transposeB ? { p: n, q: k, inner: 'q' } : { p: k, q: n, inner: 'p' }) },
  ];
  const DEPTH = operands.every((operand) => isWide(operand, options.stored)) ? 4 : 1;
  const vectors = operands.map((operand) => writeVector(writer, operand, batch, options, DEPTH)).join('\n');
  const LANES = options.lanes;
  const { loaders, element } = writeLoaders(...operands, DEPTH, LANES);
  const lane = `@builtin(${LANES > 1 ? 'subgroup_invocation_id' : 'local_invocation_index'}) lane: u32,`;
  // element by element, every operand's address is computed anew: small tiles keep the kernel's text short
  const isSmall = DEPTH === 1 || m * n * k < SMALL;
  const [ROW_TILES, COLUMN_TILES, GROUP_X, GROUP_Y] = fitTile(tiles[options.adapter], LANES, isSmall, m, n);
  const LEFTS = Math.ceil((4 * ROW_TILES) / LANES);
  const sizes = { M: m, N: n, K: k, DEPTH, LANES, LEFTS, ROW_TILES, COLUMN_TILES, GROUP_X, GROUP_Y };
  const text = { ...writer.frame(), ...parts, loaders: `${vectors}\n${loaders}`, element, lane, guard };
  const wgsl = fillSkeleton(skeleton, text, sizes);
  const across = Math.ceil(n / (4 * COLUMN_TILES * GROUP_X));
  const down = Math.ceil(m / (4 * ROW_TILES * GROUP_Y));
  return { wgsl, bindings: writer.bindings, workgroups: [across, down, sizeOf(batch)] };
}
