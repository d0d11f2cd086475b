// Sums of a product by multiplying and adding vec4s: from registers, through workgroup memory, or of a few rows.
import registerProducts from '../../../shaders/matmul.registers.wgsl?raw';
import sharedProducts from '../../../shaders/matmul.shared.wgsl?raw';
import thinProducts from '../../../shaders/matmul.thin.wgsl?raw';
import tree from '../../../shaders/matmul.tree.wgsl?raw';
import type { Footprint } from '../../planning/limits.js';
import { depthOf, invocationsOf } from '../../planning/products.js';
import { type Parts, templateOf } from '../../wgsl/template.js';
import {
  liesInVectors,
  type Reading,
  writeBlock,
  writeLeft,
  writeShares,
  writeVector,
  writeWideBlock,
} from './operands.js';
import type { Operand, Product, Sums } from './product.js';

/** The sums of a product cut so. `isWide` has registers read four steps of k at a time. */
export function writeSums(
  product: Product,
  footprint: Footprint,
  lanes: number,
  isWide: boolean,
): Sums {
  switch (footprint.tile[0]) {
    case 'shared':
      return inSlices(sharedSums(product, footprint), footprint);
    case 'thin':
      return inSlices(thinSums(product, footprint), footprint);
    case 'registers':
    case 'lanes':
    case 'matrices':
      return registerSums(product, footprint, lanes, isWide);
    default:
      return footprint.tile[0] satisfies never;
  }
}

function registerSums(
  product: Product,
  footprint: Footprint,
  lanes: number,
  isWide: boolean,
): Sums {
  const { a, b, k } = product;
  const [kind, rows] = footprint.tile;
  const LANES = kind === 'lanes' ? lanes : 1;
  const DEPTH = isWide ? 4 : 1;
  const reading: Reading = { isWide, isWhole: k % DEPTH === 0, isInside: false };
  const { load, element } = writeShares(a, DEPTH, LANES);
  const vectors = [writeVector(product, a, reading), writeVector(product, b, reading)];
  return {
    ...footprint,
    functions: [...vectors, writeBlock(b, DEPTH, reading), load],
    statements: templateOf(registerProducts),
    constants: { DEPTH, LANES, LEFTS: Math.ceil((4 * rows) / LANES) },
    parts: { element },
    extensions: LANES > 1 ? ['subgroups'] : [],
  };
}

/** Which steps and quad an invocation copies: neighbours copy what lies side by side. */
function placeText({ name, k }: Operand): string {
  const upper = name.toUpperCase();
  const count = `(DEPTH / STEPS_${upper})`;
  const quads = `QUADS_${upper}`;
  return k === 'columns'
    ? `let step = i % ${count} * STEPS_${upper};\nlet quad = i / ${count};`
    : `let step = i / ${quads} * STEPS_${upper};\nlet quad = i % ${quads};`;
}

/** The functions that read blocks of an operand. */
function writeReads(product: Product, operand: Operand, steps: 1 | 4, reading: Reading) {
  return reading.isWide
    ? [writeWideBlock(product, operand, reading.isWhole)]
    : [writeVector(product, operand, reading), writeBlock(operand, steps, reading)];
}

function sharedSums(product: Product, footprint: Footprint): Sums {
  const { a, b, m, n, k } = product;
  const [, rows, columns, across, down] = footprint.tile;
  const DEPTH = depthOf(footprint);
  const invocations = invocationsOf(footprint);
  const isInside = { a: m % (4 * rows * down) === 0, b: n % (4 * columns * across) === 0 };
  const copies = [a, b].map((operand) => {
    const isWide = liesInVectors(operand);
    const steps: 1 | 4 = isWide ? 4 : 1;
    const reading = { isWide, isWhole: k % DEPTH === 0, isInside: isInside[operand.name] };
    return { steps, functions: writeReads(product, operand, steps, reading) };
  });
  const [STEPS_A = 4, STEPS_B = 4] = copies.map(({ steps }) => steps);
  const copiesOfA = (rows * down * DEPTH) / STEPS_A;
  return {
    ...footprint,
    functions: copies.flatMap(({ functions }) => functions),
    statements: templateOf(sharedProducts),
    constants: {
      ...{ DEPTH, STEPS_A, STEPS_B, LINE: rows * down + columns * across },
      FIRST_B: invocations - (copiesOfA % invocations),
    },
    parts: { place_a: placeText(a), place_b: placeText(b) },
    extensions: [],
  };
}

function thinSums(product: Product, footprint: Footprint): Sums {
  const { a, b, m, n, k } = product;
  const [, , columns, across, down] = footprint.tile;
  const ROWS = Math.min(m, 4);
  const isWhole = k % depthOf(footprint) === 0;
  const isWide = liesInVectors(a) && a.k === 'columns';
  const left: Reading = { isWide, isWhole, isInside: m % (ROWS * down) === 0 };
  const isInside = n % (4 * columns * across) === 0;
  const right: Reading = { isWide: liesInVectors(b), isWhole, isInside };
  return {
    ...footprint,
    functions: [
      writeVector(product, a, left),
      writeLeft(a, left),
      ...writeReads(product, b, 4, right),
    ],
    statements: templateOf(thinProducts),
    constants: { ROWS },
    parts: b.k === 'columns' && footprint.slices > 1 ? { lanes: alongK } : {},
    extensions: [],
  };
}

/** Neighbours are slices, which read on along k. */
const alongK = 'let x = lane / SLICES;\nlet y = 0u;\nlet slice = lane % SLICES;';
const alongN = 'let x = lane % GROUP_X;\nlet y = lane / GROUP_X % GROUP_Y;';
const inTurn = 'let slice = lane / (GROUP_X * GROUP_Y);';

/** Sums whose invocations lie in a row, by slice, with the tree that adds those. */
function inSlices(sums: Sums, footprint: Footprint): Sums {
  const { tile, slices } = footprint;
  const [, rows, columns] = tile;
  const invocations = invocationsOf(footprint);
  const { ROWS = 4, DEPTH = 0, LINE = Math.max(1, invocations / 2) } = sums.constants;
  const handedOn = slices > 1 ? (invocations / 2) * ROWS * rows * columns : 0;
  const lines = Math.max(DEPTH / 4, Math.ceil(handedOn / LINE / 4));
  const memory = `var<workgroup> memory: array<array<array<vec4f, ${LINE}>, 4>, ${lines}>;`;
  const added: Parts = slices > 1 ? { tree: templateOf(tree) } : {};
  return {
    ...sums,
    functions: lines > 0 ? [...sums.functions, ['memory', memory]] : sums.functions,
    constants: { ...sums.constants, LINE, SLICES: slices, INVOCATIONS: invocations },
    parts: {
      lanes: `${alongN}\n${slices > 1 ? inTurn : 'let slice = 0u;'}`,
      ...sums.parts,
      ...added,
    },
  };
}
