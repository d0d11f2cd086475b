// A matrix product to be written: its sizes, its operands as they lie, and how its sums may come about.
import { type Shape, sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { base, halvesOf } from '../../graph/views.js';
import { matmulSizes } from '../../ops/matmul.js';
import type { Footprint } from '../../planning/limits.js';
import { loadsOf, matmulOf } from '../../planning/nodes.js';
import type { Extents } from '../../planning/products.js';
import { digit, type Index, project } from '../../wgsl/indices.js';
import type { Node, Parts } from '../../wgsl/template.js';
import type { Writer } from '../../wgsl/writer.js';

/** Matrices as they lie, [..., rows, columns] with the columns contiguous. */
export interface Operand {
  readonly name: 'a' | 'b';
  readonly node: Tensor;
  readonly rows: number;
  readonly columns: number;
  /** Whether k runs along the rows or the columns. */
  readonly k: 'rows' | 'columns';
  /** What holds it, if that is read as it lies: itself, or halves that are widened. */
  readonly source: Tensor | undefined;
}

/** What a product is written from. */
export interface Product {
  /** Parts of k come first, if there are any. */
  readonly batch: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Steps of k in each part, and how many parts there are. */
  readonly part: number;
  readonly parts: number;
  readonly a: Operand;
  readonly b: Operand;
  /** Its orientation and sizes, by which a tile is chosen: `NT 1 × 64 × 128 × 784`. */
  readonly name: string;
  readonly stored: ReadonlySet<Tensor>;
  readonly writer: Writer;
}

/** A declaration by its name. */
export type Declared = readonly [name: string, text: string];

/** How the sums of a product come about: what its skeleton is filled with. */
export interface Sums extends Footprint {
  readonly functions: readonly Declared[];
  readonly statements: readonly Node[];
  readonly constants: Readonly<Record<string, number>>;
  /** Texts and templates for places of these statements and of the skeleton. */
  readonly parts: Parts;
  readonly extensions: readonly string[];
}

/** Has matrix units compute a product; undefined where none of them can. */
export type Matrices = (product: Product) => Sums | undefined;

function operandOf(
  name: 'a' | 'b',
  node: Tensor,
  k: Operand['k'],
  stored: ReadonlySet<Tensor>,
): Operand {
  const [rows = 1, columns = 1] = node.shape.slice(-2);
  const source = halvesOf(node) ?? (stored.has(base(node)) ? base(node) : undefined);
  return { name, node, rows, columns, k, source };
}

/** The product that a node is. */
export function productOf(node: Tensor, stored: ReadonlySet<Tensor>, writer: Writer): Product {
  const { a, b, ...options } = matmulOf(node);
  const { transposeA, transposeB } = options;
  const { m, n, k, part, parts } = matmulSizes(a.shape, b.shape, options);
  const batch = node.shape.slice(0, -2);
  const orientation = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`;
  return {
    ...{ batch, m, n, k, part, parts, stored, writer },
    a: operandOf('a', a, transposeA ? 'rows' : 'columns', stored),
    b: operandOf('b', b, transposeB ? 'columns' : 'rows', stored),
    name: `${orientation} ${[sizeOf(batch), m, n, k].join(' × ')}`,
  };
}

/** What decides how a product is cut: the whole of it, whatever parts it has. */
export const extentsOf = ({ batch, m, n, k, parts, a, b }: Product): Extents => ({
  ...{ m, n, k, batch: sizeOf(batch) / parts, isAlongK: b.k === 'columns' },
  loads: loadsOf([a.node, b.node]),
});

/** Which of an operand's matrices belongs to `batch`. */
export const matrixIndex = (batch: Shape, { node }: Operand): Index =>
  project(digit('batch', sizeOf(batch)), batch, node.shape.slice(0, -2), String);
