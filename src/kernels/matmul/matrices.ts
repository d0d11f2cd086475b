// Sums of a product by matrix units (subgroup matrices), where the device has them.
import matrixProducts from '../../../shaders/matmul.matrices.wgsl?raw';
import { MAX_WORKGROUP_BYTES, type MatrixUnit } from '../../planning/limits.js';
import { flat } from '../../wgsl/indices.js';
import { templateOf } from '../../wgsl/template.js';
import {
  type Declared,
  type Matrices,
  matrixIndex,
  type Operand,
  type Product,
  type Sums,
} from './product.js';

/** Quads of rows and of columns that an invocation hands on, the best first. */
const BLOCKS = [
  [4, 2],
  [2, 1],
] as const;

/** Subgroups of so many invocations, which share a matrix unit. */
interface Subgroup {
  readonly across: number;
  readonly down: number;
}

/** What has matrix units compute a product, by subgroups of so many invocations. */
export function makeMatrices(units: readonly MatrixUnit[], lanes: number): Matrices {
  const subgroup = { across: Math.min(8, lanes), down: Math.max(1, lanes / 8) };
  /** The first unit that takes the operands as they lie, with a tile that it divides and that divides the product. */
  return (product) => {
    const type = componentTypeOf(product);
    const fitting = units.filter(
      (unit) => unit.componentType === type && unit.resultComponentType === 'f32',
    );
    for (const unit of fitting)
      for (const [rows, columns] of BLOCKS) {
        const sums = sumsBy(product, unit, rows, columns, subgroup);
        if (sums) return sums;
      }
    return undefined;
  };
}

/** What both operands lie in memory as. */
function componentTypeOf({ a, b }: Product): 'f16' | 'f32' | undefined {
  const type = a.source?.dtype;
  return type === b.source?.dtype && (type === 'f16' || type === 'f32') ? type : undefined;
}

/** Sums by one unit for a tile of this many quads an invocation, if that divides the product. */
function sumsBy(
  product: Product,
  unit: MatrixUnit,
  rows: number,
  columns: number,
  subgroup: Subgroup,
): Sums | undefined {
  const { m, n, k, a, b } = product;
  const { M, N, K } = unit;
  const down = 4 * rows * subgroup.down;
  const across = 4 * columns * subgroup.across;
  const overhang = [m % down, n % across, k % K, down % M, across % N];
  const isLarge = 4 * down * across > MAX_WORKGROUP_BYTES; // f32s that the tile takes
  if (isLarge || overhang.some((rest) => rest !== 0)) return undefined;
  const left = `left<${unit.componentType}, ${K}, ${M}>`;
  const right = `right<${unit.componentType}, ${N}, ${K}>`;
  const functions: Declared[] = [
    // WGSL counts columns first
    writeMatrix(product, a, `subgroup_matrix_${left}`, a.k === 'columns'),
    writeMatrix(product, b, `subgroup_matrix_${right}`, b.k === 'rows'),
    ['Result', `alias Result = subgroup_matrix_result<f32, ${N}, ${M}>;`],
    ['tile', `var<workgroup> tile: array<f32, ${down * across}>;`],
  ];
  return {
    tile: ['matrices', rows, columns, subgroup.across, subgroup.down],
    slices: 1,
    functions,
    statements: templateOf(matrixProducts),
    constants: { MATRIX_M: M, MATRIX_N: N, MATRIX_K: K, DOWN: down / M, ACROSS: across / N },
    parts: {},
    extensions: ['chromium_experimental_subgroup_matrix', 'subgroups'],
  };
}

/** fn matrix_a / matrix_b: the matrix of an operand at a step of k, and at a row of A or a column of B. */
function writeMatrix(
  { writer, batch }: Product,
  operand: Operand,
  type: string,
  isRowMajor: boolean,
): Declared {
  const { name, node, rows, columns, k, source = node } = operand;
  const layout = isRowMajor ? 'row_major' : 'col_major';
  const at = k === 'rows' ? `k * ${columns}u + along` : `along * ${columns}u + k`;
  const buffer = writer.bind(source, 'read');
  const start = `${flat(matrixIndex(batch, operand))} * ${rows * columns}u`;
  const load = `subgroupMatrixLoad<${type}, ${layout}>(&${buffer}, ${start} + ${at}, ${columns}u)`;
  const head = `fn matrix_${name}(batch: u32, k: u32, along: u32) -> ${type}`;
  return [`matrix_${name}`, `${head} { return ${load}; }`];
}
