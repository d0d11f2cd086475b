// Sums of a product by multiplying and adding vec4s, from registers or through workgroup memory.
import registerProducts from '../../../shaders/matmul.registers.wgsl?raw';
import sharedProducts from '../../../shaders/matmul.shared.wgsl?raw';
import { products, type Tile } from '../../planning/limits.js';
import { templateOf } from '../../wgsl/template.js';
import { writeBlock, writeShares, writeVector } from './operands.js';
import type { Declared, Product, Sums } from './product.js';

/** An array of vec4s in workgroup memory. */
const memory = (name: string, length: number): Declared => [
  name,
  `var<workgroup> ${name}: array<vec4f, ${length}>;`,
];

/** The sums of a tile. `isWide` reads four steps of k at a time. */
export function writeSums(product: Product, tile: Tile, lanes: number, isWide: boolean): Sums {
  const { a, b } = product;
  const [kind, rows, columns, across, down] = tile;
  const isShared = kind === 'shared';
  const LANES = kind === 'lanes' ? lanes : 1;
  const registerDepth = isWide ? 4 : 1;
  const DEPTH = isShared ? products.sharedDepth : registerDepth;
  const { load, element } = writeShares(a, DEPTH, LANES);
  const shared = [
    writeBlock(a, DEPTH),
    memory('tile_a', DEPTH * rows * down),
    memory('tile_b', DEPTH * columns * across),
  ];
  const vectors = [writeVector(product, a, DEPTH), writeVector(product, b, DEPTH)];
  return {
    tile,
    functions: [...vectors, writeBlock(b, DEPTH), ...(isShared ? shared : [load])],
    statements: templateOf(isShared ? sharedProducts : registerProducts),
    constants: { DEPTH, LANES, LEFTS: Math.ceil((4 * rows) / LANES) },
    element,
    extensions: LANES > 1 ? ['subgroups'] : [],
  };
}
