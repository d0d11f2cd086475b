// The functions by which a product's kernel reads its operands: elements, vec4s, blocks of 4 × 4, and what lanes share.
import type { Tensor } from '../../graph/tensor.js';
import { base } from '../../graph/views.js';
import { digit, flat } from '../../wgsl/indices.js';
import { type AtHand, Writer } from '../../wgsl/writer.js';
import { type Declared, matrixIndex, type Operand, type Product } from './product.js';

/** fn vector_a / vector_b: what is read of an operand as it lies, for `depth` steps of k. */
export const writeVector = (product: Product, operand: Operand, depth: number): Declared => {
  const name = `vector_${operand.name}`;
  const head = `fn ${name}(batch: u32, row: u32, column: u32)`;
  const text =
    depth === 1 ? elementText(product, operand, head) : vectorText(product, operand, head, depth);
  return [name, text];
};

/** One element, through whatever view the operand is. Overhang is never stored. */
function elementText({ writer: kernel, batch, stored }: Product, operand: Operand, head: string) {
  const { node, rows, columns, source } = operand;
  // halves are widened here, also where another kernel stores them widened
  const isRead = (each: Tensor): boolean =>
    each === source || (each !== base(node) && stored.has(each));
  const atHand: AtHand = (each, index) => (isRead(each) ? writer.read(each, index) : undefined);
  const writer = new Writer(atHand, 0, kernel);
  writer.open('batch', 'p', 'q');
  const place = [...digit('p', rows), ...digit('q', columns)];
  const value = writer.value(node, [...matrixIndex(batch, operand), ...place]);
  const inside = `let p = min(row, ${rows - 1}u);\nlet q = min(column, ${columns - 1}u);`;
  const element = writer.close();
  return [`${head} -> f32 {`, writer.close(), inside, element, `return ${value};`, '}'].join('\n');
}

/** Four contiguous elements of one row, zeros beyond K. Other overhang is never stored. */
function vectorText({ writer, batch }: Product, operand: Operand, head: string, depth: number) {
  const { node, rows, columns, k, source = node } = operand;
  const buffer = writer.bind(source, 'read', true);
  const matrix = `${flat(matrixIndex(batch, operand))} * ${(rows * columns) / 4}u`;
  const row = `min(row, ${rows - 1}u) * ${columns / 4}u`;
  const vector = `vec4f(${buffer}[${matrix} + ${row} + column / 4u])`;
  const isInside = k === 'rows' ? `row < ${rows}u` : `column < ${columns}u`;
  const isWhole = operand[k] % depth === 0;
  const value = isWhole ? vector : `select(vec4f(), ${vector}, ${isInside})`;
  return `${head} -> vec4f { return ${value}; }`;
}

/** fn block_a / block_b: one vec4 along m or n for each of `depth` steps of k. */
export function writeBlock({ name, k }: Operand, depth: number): Declared {
  const isAlongK = depth > 1 && k === 'rows';
  const vectors = [0, 1, 2, 3].map((s) => {
    const step = isAlongK ? `k + ${s}u` : 'k';
    const along = isAlongK ? 'along' : `along + ${s}u`;
    const place = k === 'rows' ? `${step}, ${along}` : `${along}, ${step}`;
    return `vector_${name}(batch, ${place})`;
  });
  const own = `block_${name}`;
  const head = `fn ${own}(batch: u32, k: u32, along: u32)`;
  const list = vectors.join(', ');
  if (depth === 1) return [own, `${head} -> array<vec4f, 1> { return array(vec4f(${list})); }`];
  const block = k === 'columns' ? `transpose(mat4x4f(${list}))` : `mat4x4f(${list})`;
  return [own, `${head} -> mat4x4f { return ${block}; }`];
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
