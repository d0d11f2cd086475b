// Writes matrix product kernels: operands, tile sizes for each class of adapters, and what is fused into the product.
import registerProducts from '../../shaders/matmul.registers.wgsl?raw';
import sharedProducts from '../../shaders/matmul.shared.wgsl?raw';
import skeleton from '../../shaders/matmul.wgsl?raw';
import type { Tensor } from '../graph/tensor.js';
import { type MatmulOptions, matmulSizes } from '../ops/matmul.js';
import { type Shape, sizeOf } from '../shape.js';
import { digit, flat, type Index, project } from './index.js';
import { type AdapterClass, type EmitOptions, MAX_GROUPS, writeResults } from './kernels.js';
import { base, halvesOf } from './partition.js';
import type { Unit } from './units.js';
import { type Held, type Kernel, Writer } from './writer.js';

/**
 * How a product is computed: 4·rows × 4·columns outputs an invocation, in workgroups of x × y invocations. `registers` read
 * for themselves, `lanes` let a subgroup share what it reads of A, `shared` goes through workgroup memory, and in `matrices` a
 * subgroup's matrix unit computes.
 */
type Sizes = [rows: number, columns: number, x: number, y: number];
export type Tile = readonly [kind: 'registers' | 'lanes' | 'shared' | 'matrices', ...Sizes];

/** The sensible tiles of an adapter class, the best first. Every one adds k in ascending order: speed changes, never bits. */
export const tiles: Readonly<Record<AdapterClass, readonly Tile[]>> = {
  lavapipe: [
    ['lanes', 2, 1, 8, 1],
    ['lanes', 4, 1, 8, 1],
    ['registers', 2, 1, 8, 1],
  ],
  swiftshader: [
    ['lanes', 4, 2, 4, 1],
    ['lanes', 4, 1, 4, 1],
    ['registers', 4, 2, 4, 4],
  ],
  gpu: [
    ['shared', 2, 2, 16, 16],
    ['shared', 1, 1, 16, 16],
    ['registers', 1, 1, 16, 8],
  ],
};

/** Multiply-adds below which a large tile takes longer to compile than it ever saves. */
export const SMALL = 2 ** 22;
/** Outputs below which hardware takes the second tile: the first would leave multiprocessors idle. */
const FEW = 2 ** 20;
/** Steps of k that lie in workgroup memory at one time: 16 KiB at most, which every adapter has. */
const SHARED_DEPTH = 16;

/** A tile for a product. Small ones take small tiles: little text, and work for every core. Lanes lie along n. */
function fitTile([given, ...sizes]: Tile, lanes: number, isSmall: boolean, m: number, n: number): Tile {
  const kind = (given === 'lanes' && lanes === 1) || (given === 'shared' && isSmall) ? 'registers' : given;
  if (kind === 'shared') return [kind, ...sizes];
  const rows = isSmall ? (kind === 'lanes' ? 2 : 1) : Math.min(sizes[0], Math.ceil(m / 4));
  const columns = isSmall ? 1 : Math.min(sizes[1], Math.ceil(n / 4));
  if (kind === 'lanes') return [kind, rows, columns, lanes, 1];
  const x = Math.min(sizes[2], Math.ceil(n / (4 * columns)));
  return [kind, rows, columns, x, Math.min(sizes[3], Math.ceil(m / (4 * rows)))];
}

/** A matrix as it lies, [P, Q] with Q contiguous; `inner` says whether k runs along its rows or its columns. */
export type Operand = { readonly name: 'a' | 'b'; readonly node: Tensor; readonly inner: 'p' | 'q' };

/** What a product is written from: its sizes, and the writer of its kernel. */
export interface Product extends ReturnType<typeof matmulSizes> {
  readonly operands: readonly [Operand, Operand];
  readonly options: EmitOptions;
  readonly writer: Writer;
}

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
function writeVector({ writer: kernel, batch, options: { stored } }: Product, operand: Operand, depth: number): string {
  const { name, node, inner } = operand;
  const [p, q] = node.shape.slice(-2) as [number, number];
  const matrix = matrixIndex(batch, operand);
  const head = `fn vector_${name}(batch: u32, row: u32, column: u32)`;
  if (depth === 1) {
    const held: Held = (each, at) => (stored.has(each) ? writer.read(each, at) : undefined);
    const writer = new Writer(held, 0, kernel);
    writer.open('batch', 'p', 'q');
    const value = writer.value(node, [...matrix, ...digit('p', p), ...digit('q', q)]);
    const inside = `let p = min(row, ${p - 1}u);\nlet q = min(column, ${q - 1}u);`;
    const [element, around] = [writer.close(), writer.close()];
    return `${head} -> f32 {\n${[around, inside, element, `return ${value};`].join('\n')}\n}`;
  }
  const buffer = kernel.bind(halvesOf(node) ?? base(node), 'read', true);
  const place = `${flat(matrix)} * ${(p * q) / 4}u + min(row, ${p - 1}u) * ${q / 4}u + column / 4u`;
  const vector = `vec4f(${buffer}[${place}])`;
  const [k, isInside] = inner === 'p' ? [p, `row < ${p}u`] : [q, `column < ${q}u`];
  return `${head} -> vec4f { return ${k % depth === 0 ? vector : `select(vec4f(), ${vector}, ${isInside})`}; }`;
}

/** fn block_a / block_b: one vec4 along m or n for each of `depth` steps of k. */
function writeBlock({ name, inner }: Operand, depth: number): string {
  const vectors = [0, 1, 2, 3].map((s) => {
    const [k, along] = depth > 1 && inner === 'p' ? [`k + ${s}u`, 'along'] : ['k', `along + ${s}u`];
    return `vector_${name}(batch, ${inner === 'p' ? `${k}, ${along}` : `${along}, ${k}`})`;
  });
  const head = `fn block_${name}(batch: u32, k: u32, along: u32)`;
  if (depth === 1) return `${head} -> array<vec4f, 1> { return array(vec4f(${vectors.join(', ')})); }`;
  const block = `mat4x4f(${vectors.join(', ')})`;
  return `${head} -> mat4x4f { return ${inner === 'q' ? `transpose(${block})` : block}; }`;
}

/**
 * fn load_a gives the q-th vector of a tile's rows of A for the steps of k from here, and `element` is A[m0 + 4 I + s, k + t]
 * of them, from the lane that read it.
 */
function writeShares({ inner }: Operand, depth: number, lanes: number): { load: string; element: string } {
  const [vector, component] = depth === 1 || inner === 'q' ? ['s', 't'] : ['t', 's'];
  const place = `4u * \${I}u + \${${vector}}u`;
  const value = `left[(${place}) / LANES][\${${component}}]`;
  const element = `let element = ${lanes > 1 ? `subgroupBroadcast(${value}, (${place}) % LANES)` : value};`;
  const at = inner === 'q' ? 'm0 + q, k' : depth > 1 ? 'k + q % 4u, m0 + q / 4u * 4u' : 'k, m0 + q';
  const load = `fn load_a(batch: u32, m0: u32, k: u32, q: u32) -> vec4f { return vec4f(vector_a(batch, ${at})); }`;
  return { load, element };
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
  const DEPTH = isShared ? SHARED_DEPTH : isWide ? 4 : 1;
  const { load, element } = writeShares(a, DEPTH, LANES);
  const memory = (name: string, quads: number) => `var<workgroup> tile_${name}: array<vec4f, ${DEPTH * quads}>;`;
  const own = isShared ? [writeBlock(a, DEPTH), memory('a', rows * y), memory('b', columns * x)] : [load];
  const vectors = product.operands.map((operand) => writeVector(product, operand, DEPTH));
  const functions = [...vectors, writeBlock(b, DEPTH), ...own];
  const sizes = { DEPTH, LANES, LEFTS: Math.ceil((4 * rows) / LANES) };
  return { functions, statements: isShared ? sharedProducts : registerProducts, sizes, element };
}

/** A kernel of more workgroups along an axis than WebGPU takes, with them in rows of as many as it takes. */
function foldGroups(kernel: Kernel): Kernel {
  const [x, y, z] = kernel.workgroups;
  if (Math.max(x, y, z) <= MAX_GROUPS) return kernel;
  const total = x * y * z;
  const down = Math.ceil(total / MAX_GROUPS);
  const across = Math.ceil(total / down);
  const place = `vec3u(at % ${x}u, at / ${x}u % ${y}u, at / ${x * y}u)`;
  const own = `let at = id.x + id.y * ${across}u;\nif (at >= ${total}u) { return; }\nlet group = ${place};\n`;
  const text = kernel.wgsl.replace('@builtin(workgroup_id) group', '@builtin(workgroup_id) id');
  const wgsl = text.replace(/(?=^ *let batch = group\.z)/m, own).replace('let zero = group.z', 'let zero = id.z');
  return { ...kernel, wgsl, workgroups: [across, down, 1] };
}

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
    place === at || place === 'n' ? `${place.replace(/\bn\b/g, 'first')} / 4u` : undefined,
  );
  const operands: Product['operands'] = [
    { name: 'a', node: a, inner: transposeA ? 'p' : 'q' },
    { name: 'b', node: b, inner: transposeB ? 'q' : 'p' },
  ];
  const product: Product = { ...sizes, operands, options, writer };
  const isWide = operands.every((operand) => liesInVectors(operand, options.stored));
  // element by element, every operand's address is computed anew: small tiles keep the kernel's text short
  const isSmall = !isWide || m * n * k < SMALL;
  const name = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'} ${[sizeOf(batch), m, n, k].join(' × ')}`;
  const usual = tiles[options.adapter][options.adapter === 'gpu' && m * n < FEW ? 1 : 0]!;
  const matrices = isSmall ? undefined : options.matrices?.(product);
  const tile = matrices?.tile ?? fitTile(options.tileOf?.(name) ?? usual, options.lanes, isSmall, m, n);
  const [kind, rows, columns, x, y] = tile;
  const [QUADS_A, QUADS_B] = [rows * y, columns * x];
  const { functions, statements, element, sizes: more } = matrices ?? writeSums(product, tile, isWide);
  // where workgroup memory hands them on, an invocation's quads of rows and columns lie apart
  const [ROW_STRIDE, COLUMN_STRIDE] = kind === 'shared' || kind === 'matrices' ? [4 * y, 4 * x] : [4, 4];
  const places = { GROUP_X: x, GROUP_Y: y, ROW_TILES: rows, COLUMN_TILES: columns, ROW_STRIDE, COLUMN_STRIDE };
  const text = {
    ...{ ...parts, loaders: functions.join('\n'), element },
    lane: `@builtin(${kind === 'lanes' ? 'subgroup_invocation_id' : 'local_invocation_index'}) lane: u32,`,
    guard: wide ? '' : `if (first + \${lane}u < N)`,
  };
  const template = skeleton.replace('//:products', statements);
  const all = { M: m, N: n, K: k, ...places, QUADS_A, QUADS_B, ...more };
  const workgroups = [Math.ceil(n / (4 * QUADS_B)), Math.ceil(m / (4 * QUADS_A)), sizeOf(batch)] as const;
  const kernel = foldGroups(writer.kernel(template, text, all, workgroups));
  return matrices ? kernel : { ...kernel, product: name }; // tiles are measured, units are not
}
