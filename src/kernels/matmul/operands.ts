// The functions by which a product's kernel reads its operands: elements, vec4s, blocks of 4 × 4, and what lanes share.
import type { Tensor } from '../../graph/tensor.js';
import { base } from '../../graph/views.js';
import { digit, flat } from '../../wgsl/indices.js';
import { type AtHand, Writer } from '../../wgsl/writer.js';
import { type Declared, matrixIndex, type Operand, type Product } from './product.js';

/** How an operand is read. */
export interface Reading {
  /** In vec4s as it lies, instead of element by element. */
  readonly isWide: boolean;
  /** No step of k lies beyond the last. */
  readonly isWhole: boolean;
  /** No row of A or column of B lies beyond the last. */
  readonly isInside: boolean;
}

/** An index of an operand's rows or columns; where it may lie beyond the last, that one's. */
function inside(index: string, axis: Operand['k'], { k, ...sizes }: Operand, reading: Reading) {
  const isInside = axis === k ? reading.isWhole : reading.isInside;
  return isInside ? index : `min(${index}, ${sizes[axis] - 1}u)`;
}

/** Whether an operand can be read in vec4s along its contiguous axis. */
export const liesInVectors = ({ source, columns }: Operand): boolean =>
  source !== undefined && columns % 4 === 0;

/** fn vector_a / vector_b: what is read of an operand as it lies. What lies beyond K is 0; other overhang is never stored. */
export function writeVector(product: Product, operand: Operand, reading: Reading): Declared {
  const name = `vector_${operand.name}`;
  const head = `fn ${name}(batch: u32, row: u32, column: u32)`;
  const text = reading.isWide
    ? vectorText(product, operand, head, reading)
    : elementText(product, operand, head, reading);
  return [name, text];
}

/** A value, or 0 beyond K. */
function withinK(value: string, zero: string, { k, ...sizes }: Operand, { isWhole }: Reading) {
  const along = k === 'rows' ? 'row' : 'column';
  return isWhole ? value : `select(${zero}, ${value}, ${along} < ${sizes[k]}u)`;
}

/** One element, through whatever view the operand is. */
function elementText(
  { writer: kernel, batch, stored }: Product,
  operand: Operand,
  head: string,
  reading: Reading,
) {
  const { node, rows, columns, source } = operand;
  // halves are widened here, also where another kernel stores them widened
  const isRead = (each: Tensor): boolean =>
    each === source || (each !== base(node) && stored.has(each));
  const atHand: AtHand = (each, index) => (isRead(each) ? writer.read(each, index) : undefined);
  const writer = new Writer(atHand, 0, kernel);
  writer.open('batch', 'p', 'q');
  const place = [...digit('p', rows), ...digit('q', columns)];
  const value = writer.value(node, [...matrixIndex(batch, operand), ...place]);
  const p = `let p = ${inside('row', 'rows', operand, reading)};`;
  const q = `let q = ${inside('column', 'columns', operand, reading)};`;
  const element = writer.close();
  const result = `return ${withinK(value, '0.0', operand, reading)};`;
  return [`${head} -> f32 {`, writer.close(), p, q, element, result, '}'].join('\n');
}

/** Four contiguous elements of one row. */
function vectorText(product: Product, operand: Operand, head: string, reading: Reading): string {
  const row = inside('row', 'rows', operand, reading);
  const vector = wideText(product, operand, `${row} * ${operand.columns / 4}u + column / 4u`);
  return `${head} -> vec4f { return ${withinK(vector, 'vec4f()', operand, reading)}; }`;
}

/** The vec4 at a place in the matrix of an operand that lies in vectors. */
function wideText({ writer, batch }: Product, operand: Operand, at: string): string {
  const { node, rows, columns, source = node } = operand;
  const buffer = writer.bind(source, 'read', true);
  return `vec4f(${buffer}[${flat(matrixIndex(batch, operand))} * ${(rows * columns) / 4}u + ${at}])`;
}

/** A call of fn vector_a / vector_b, `s` further along m or n and `t` steps of k further. */
function vectorAt({ name, k }: Operand, s: number, t: number): string {
  const step = t > 0 ? `k + ${t}u` : 'k';
  const along = s > 0 ? `along + ${s}u` : 'along';
  const place = k === 'rows' ? `${step}, ${along}` : `${along}, ${step}`;
  return `vector_${name}(batch, ${place})`;
}

const four = [0, 1, 2, 3] as const;

/** fn block_a / block_b: one vec4 along m or n for each of `steps` steps of k. */
export function writeBlock(operand: Operand, steps: 1 | 4, { isWide }: Reading): Declared {
  const own = `block_${operand.name}`;
  const head = `fn ${own}(batch: u32, k: u32, along: u32)`;
  const along = (t: number): string =>
    `vec4f(${four.map((s) => vectorAt(operand, s, t)).join(', ')})`;
  if (steps === 1) return [own, `${head} -> array<vec4f, 1> { return array(${along(0)}); }`];
  const isTurned = isWide && operand.k === 'columns';
  const wide = four.map((i) => (isTurned ? vectorAt(operand, i, 0) : vectorAt(operand, 0, i)));
  const value = matrixOf(isWide ? wide : four.map(along), isTurned);
  return [own, `${head} -> mat4x4f { return ${value}; }`];
}

const matrixOf = (vectors: readonly string[], isTurned: boolean): string => {
  const matrix = `mat4x4f(${vectors.join(', ')})`;
  return isTurned ? `transpose(${matrix})` : matrix;
};

/**
 * The same in vec4s of four rows, of which only the first one's place is computed. Beyond K it is 0. What lies beyond the rows
 * of A or the columns of B is never stored, and WebGPU lets nobody read beyond the buffer.
 */
export function writeWideBlock(product: Product, operand: Operand, isWhole: boolean): Declared {
  const { name, columns, k, ...sizes } = operand;
  const place = k === 'rows' ? ['k', 'along'] : ['along', 'k'];
  const start = `let at = ${place[0]} * ${columns / 4}u + ${place[1]} / 4u;`;
  const vectors = four.map((i) => {
    const vector = wideText(product, operand, `at + ${(i * columns) / 4}u`);
    const step = k === 'rows' ? `k + ${i}u < ${sizes.rows}u` : `k < ${columns}u`;
    return isWhole ? vector : `select(vec4f(), ${vector}, ${step})`;
  });
  const value = matrixOf(vectors, k === 'columns');
  const head = `fn block_${name}(batch: u32, k: u32, along: u32)`;
  return [`block_${name}`, `${head} -> mat4x4f {\n${start}\nreturn ${value};\n}`];
}

/** fn left: four steps of k of one row of A. */
export function writeLeft(operand: Operand, { isWide }: Reading): Declared {
  const elements = four.map((t) => vectorAt(operand, 0, t));
  const value = isWide ? vectorAt(operand, 0, 0) : `vec4f(${elements.join(', ')})`;
  return ['left', `fn left(batch: u32, k: u32, along: u32) -> vec4f { return ${value}; }`];
}

/** How invocations of a subgroup share what they read of A. */
export interface Shares {
  /** fn load_a: the q-th vector of a tile's rows of A, for the steps of k from here. */
  readonly load: Declared;
  /** `element` is A[m0 + row, k + step] of these, from the lane that read it. */
  readonly element: string;
}

/** What `lanes` invocations share, of A as it is read at this depth. */
export function writeShares({ k }: Operand, depth: number, lanes: number): Shares {
  const isAlongRows = depth === 1 || k === 'columns';
  // row = 4 I + s of the tile, at step t
  const vector = isAlongRows ? '(row)' : '(row / 4u * 4u + step)';
  const component = isAlongRows ? 'step' : 'row % 4u';
  const own = `left[${vector} / LANES][${component}]`;
  const value = lanes > 1 ? `subgroupBroadcast(${own}, ${vector} % LANES)` : own;
  const along = depth > 1 ? 'k + q % 4u, m0 + q / 4u * 4u' : 'k, m0 + q';
  const at = k === 'columns' ? 'm0 + q, k' : along;
  const head = 'fn load_a(batch: u32, m0: u32, k: u32, q: u32) -> vec4f';
  return {
    load: ['load_a', `${head} { return vec4f(vector_a(batch, ${at})); }`],
    element: `let element = ${value};`,
  };
}
