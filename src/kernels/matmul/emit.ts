// Writes matrix product kernels: operands, tile sizes for each class of adapters, and what is fused into the product.
import registerProducts from '../../shaders/matmul.registers.wgsl?raw';
import sharedProducts from '../../shaders/matmul.shared.wgsl?raw';
import skeleton from '../../shaders/matmul.wgsl?raw';
import { base, halvesOf } from '../compiler/partition.js';
import type { Unit } from '../compiler/units.js';
import { type Shape, sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { type MatmulOptions, matmulSizes } from '../ops/matmul.js';
import { choices, MAX_GROUPS, products, type Tile } from '../planning/limits.js';
import { digit, flat, type Index, project } from '../wgsl/indices.js';
import type { Code } from '../wgsl/kernel.js';
import { renamed, textOf, tokensOf } from '../wgsl/lexer.js';
import { templateOf } from '../wgsl/template.js';
import { type Held, type Kernel, Writer } from '../wgsl/writer.js';
import { type EmitOptions, writeResults } from './kernels.js';

/** A tile for a product. Small ones take small tiles: little text, and work for every core. Lanes lie along n. */
function fitTile(
  [given, ...sizes]: Tile,
  lanes: number,
  isSmall: boolean,
  m: number,
  n: number,
): Tile {
  const kind =
    (given === 'lanes' && lanes === 1) || (given === 'shared' && isSmall) ? 'registers' : given;
  if (kind === 'shared') return [kind, ...sizes];
  const rows = isSmall ? (kind === 'lanes' ? 2 : 1) : Math.min(sizes[0], Math.ceil(m / 4));
  const columns = isSmall ? 1 : Math.min(sizes[1], Math.ceil(n / 4));
  if (kind === 'lanes') return [kind, rows, columns, lanes, 1];
  const x = Math.min(sizes[2], Math.ceil(n / (4 * columns)));
  return [kind, rows, columns, x, Math.min(sizes[3], Math.ceil(m / (4 * rows)))];
}

/** A matrix as it lies, [P, Q] with Q contiguous; `inner` says whether k runs along its rows or its columns. */
export type Operand = {
  readonly name: 'a' | 'b';
  readonly node: Tensor;
  readonly inner: 'p' | 'q';
};

/** What a product is written from: its sizes, and the writer of its kernel. */
export interface Product extends ReturnType<typeof matmulSizes> {
  readonly operands: readonly [Operand, Operand];
  readonly options: EmitOptions;
  readonly writer: Writer;
}

/** A declaration by its name. */
export type Declared = readonly [name: string, text: string];

/** Whether both operands can be read in vec4s along their contiguous axis, four steps of k at a time. */
const liesInVectors = ({ node }: Operand, stored: ReadonlySet<Tensor>): boolean =>
  (halvesOf(node) !== undefined || stored.has(base(node))) && node.shape.at(-1)! % 4 === 0;

/** Which of an operand's matrices belongs to `batch`. */
export const matrixIndex = (batch: Shape, { node }: Operand): Index =>
  project(digit('batch', sizeOf(batch)), batch, node.shape.slice(0, -2), String);

/**
 * fn vector_a / vector_b: what is read of an operand as it lies. With a depth of 4, four contiguous elements of one row,
 * zeros beyond K. With 1 one element, through whatever view the operand is. Other overhang is never stored.
 */
function writeVector(product: Product, operand: Operand, depth: number): Declared {
  const { writer: kernel, batch, options } = product;
  const { stored } = options;
  const { name, node, inner } = operand;
  const [p, q] = node.shape.slice(-2) as [number, number];
  const matrix = matrixIndex(batch, operand);
  const own = `vector_${name}`;
  const head = `fn ${own}(batch: u32, row: u32, column: u32)`;
  if (depth === 1) {
    const held: Held = (each, at) => (stored.has(each) ? writer.read(each, at) : undefined);
    const writer = new Writer(held, 0, kernel);
    writer.open('batch', 'p', 'q');
    const value = writer.value(node, [...matrix, ...digit('p', p), ...digit('q', q)]);
    const inside = `let p = min(row, ${p - 1}u);\nlet q = min(column, ${q - 1}u);`;
    const element = writer.close();
    const body = [writer.close(), inside, element, `return ${value};`];
    return [own, [`${head} -> f32 {`, ...body, '}'].join('\n')];
  }
  const buffer = kernel.bind(halvesOf(node) ?? base(node), 'read', true);
  const place = `${flat(matrix)} * ${(p * q) / 4}u + min(row, ${p - 1}u) * ${q / 4}u + column / 4u`;
  const vector = `vec4f(${buffer}[${place}])`;
  const [k, isInside] = inner === 'p' ? [p, `row < ${p}u`] : [q, `column < ${q}u`];
  const inside = k % depth === 0 ? vector : `select(vec4f(), ${vector}, ${isInside})`;
  return [own, `${head} -> vec4f { return ${inside}; }`];
}

/** fn block_a / block_b: one vec4 along m or n for each of `depth` steps of k. */
function writeBlock({ name, inner }: Operand, depth: number): Declared {
  const vectors = [0, 1, 2, 3].map((s) => {
    const [k, along] = depth > 1 && inner === 'p' ? [`k + ${s}u`, 'along'] : ['k', `along + ${s}u`];
    const place = inner === 'p' ? `${k}, ${along}` : `${along}, ${k}`;
    return `vector_${name}(batch, ${place})`;
  });
  const own = `block_${name}`;
  const head = `fn ${own}(batch: u32, k: u32, along: u32)`;
  if (depth === 1)
    return [own, `${head} -> array<vec4f, 1> { return array(vec4f(${vectors.join(', ')})); }`];
  const block = `mat4x4f(${vectors.join(', ')})`;
  return [own, `${head} -> mat4x4f { return ${inner === 'q' ? `transpose(${block})` : block}; }`];
}

/**
 * fn load_a gives the q-th vector of a tile's rows of A for the steps of k from here, and `element` is A[m0 + row, k + step]
 * of them, from the lane that read it.
 */
function writeShares(
  { inner }: Operand,
  depth: number,
  lanes: number,
): { load: Declared; element: string } {
  // row = 4 I + s of the tile, at step t
  const [vector, component] =
    depth === 1 || inner === 'q' ? ['row', 'step'] : ['row / 4u * 4u + step', 'row % 4u'];
  const value = `left[(${vector}) / LANES][${component}]`;
  const element = `let element = ${lanes > 1 ? `subgroupBroadcast(${value}, (${vector}) % LANES)` : value};`;
  const at = inner === 'q' ? 'm0 + q, k' : depth > 1 ? 'k + q % 4u, m0 + q / 4u * 4u' : 'k, m0 + q';
  const load = `fn load_a(batch: u32, m0: u32, k: u32, q: u32) -> vec4f { return vec4f(vector_a(batch, ${at})); }`;
  return { load: ['load_a', load], element };
}

/** M · N · K over the batch. */
export const multiplyAdds = ({ inputs: [a], options, shape }: Tensor): number =>
  sizeOf(shape) * a!.shape.at((options as MatmulOptions).transposeA ? -2 : -1)!;

/**
 * How a tile's sums come about, by multiplying and adding from registers or from workgroup memory: what the skeleton of a
 * product is filled with. `element` takes one element of A from what was read.
 */
function writeSums(product: Product, [kind, rows, columns, x, y]: Tile, isWide: boolean) {
  const [a, b] = product.operands;
  const LANES = kind === 'lanes' ? product.options.lanes : 1;
  const isShared = kind === 'shared';
  const DEPTH = isShared ? products.sharedDepth : isWide ? 4 : 1;
  const { load, element } = writeShares(a, DEPTH, LANES);
  const memory = (name: string, quads: number): Declared => {
    return [`tile_${name}`, `var<workgroup> tile_${name}: array<vec4f, ${DEPTH * quads}>;`];
  };
  const own = isShared
    ? [writeBlock(a, DEPTH), memory('a', rows * y), memory('b', columns * x)]
    : [load];
  const vectors = product.operands.map((operand) => writeVector(product, operand, DEPTH));
  const functions = [...vectors, writeBlock(b, DEPTH), ...own];
  const sizes = { DEPTH, LANES, LEFTS: Math.ceil((4 * rows) / LANES) };
  const extensions = LANES > 1 ? ['subgroups'] : [];
  return {
    functions,
    statements: isShared ? sharedProducts : registerProducts,
    sizes,
    element,
    extensions,
  };
}

/** How a kernel of more workgroups along an axis than WebGPU takes has them in rows of as many as it takes. */
function foldGroups([x, y, z]: Kernel['workgroups']): {
  workgroups: Kernel['workgroups'];
  group: string;
} {
  if (Math.max(x, y, z) <= MAX_GROUPS)
    return { workgroups: [x, y, z], group: 'let group = place;' };
  const total = x * y * z;
  const down = Math.ceil(total / MAX_GROUPS);
  const across = Math.ceil(total / down);
  const at = `let at = place.x + place.y * ${across}u;\nif (at >= ${total}u) { return; }`;
  const group = `${at}\nlet group = vec3u(at % ${x}u, at / ${x}u % ${y}u, at / ${x * y}u);`;
  return { workgroups: [across, down, 1], group };
}

/** The first of four neighbouring outputs stands for any of them. */
const ofFirst = new Map([['n', 'first']]);

/** A matrix product; its epilogue is fn finish, for four neighbouring outputs of one row. */
export function emitMatmul(unit: Unit, options: EmitOptions): Kernel {
  const [head] = unit.members;
  const [a, b] = head!.inputs as [Tensor, Tensor];
  const { transposeA, transposeB } = head!.options as MatmulOptions;
  const sizes = matmulSizes(a.shape, b.shape, { transposeA, transposeB });
  const { batch, m, n, k } = sizes;
  const at = flat(unit.rowIndex);
  const wide = n % 4 === 0;
  const { writer, ...parts } = writeResults(unit, options, wide, (_, place) =>
    place === at || place === 'n' ? `${textOf(renamed(tokensOf(place), ofFirst))} / 4u` : undefined,
  );
  const operands: Product['operands'] = [
    { name: 'a', node: a, inner: transposeA ? 'p' : 'q' },
    { name: 'b', node: b, inner: transposeB ? 'q' : 'p' },
  ];
  const product: Product = { ...sizes, operands, options, writer };
  const isWide = operands.every((operand) => liesInVectors(operand, options.stored));
  // element by element, every operand's address is computed anew: small tiles keep the kernel's text short
  const isSmall = !isWide || m * n * k < products.small;
  const name = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'} ${[sizeOf(batch), m, n, k].join(' × ')}`;
  const { tiles, fewOutputs } = choices[options.adapter];
  const usual = tiles[m * n < fewOutputs ? 1 : 0]!;
  const matrices = isSmall ? undefined : options.matrices?.(product);
  const tile =
    matrices?.tile ?? fitTile(options.tileOf?.(name) ?? usual, options.lanes, isSmall, m, n);
  const [kind, rows, columns, x, y] = tile;
  const [QUADS_A, QUADS_B] = [rows * y, columns * x];
  const {
    functions,
    statements,
    element,
    sizes: more,
    extensions,
  } = matrices ?? writeSums(product, tile, isWide);
  // where workgroup memory hands them on, an invocation's quads of rows and columns lie apart
  const [ROW_STRIDE, COLUMN_STRIDE] =
    kind === 'shared' || kind === 'matrices' ? [4 * y, 4 * x] : [4, 4];
  const places = {
    GROUP_X: x,
    GROUP_Y: y,
    ROW_TILES: rows,
    COLUMN_TILES: columns,
    ROW_STRIDE,
    COLUMN_STRIDE,
  };
  const grid = [Math.ceil(n / (4 * QUADS_B)), Math.ceil(m / (4 * QUADS_A)), sizeOf(batch)] as const;
  const { workgroups, group } = foldGroups(grid);
  const filling = {
    parts: {
      ...parts,
      element,
      group,
      products: templateOf(statements),
      guard: wide ? '' : 'if (n < N)',
    },
    constants: { M: m, N: n, K: k, ...places, QUADS_A, QUADS_B, ...more },
    declarations: new Map(functions),
    extensions,
  };
  const kernel = writer.kernel(skeleton, filling, workgroups);
  const code = kind === 'lanes' ? withLanes(kernel.code) : kernel.code;
  return matrices ? kernel : { ...kernel, code, product: name }; // tiles are measured, units are not
}

/** Invocations numbered within their subgroup, which is a workgroup. */
const withLanes = (code: Code): Code => ({
  ...code,
  parameters: code.parameters.map((each) =>
    each.name === 'lane' ? { ...each, builtin: 'subgroup_invocation_id' } : each,
  ),
});
