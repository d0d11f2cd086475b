// Matrix products on matrix units (subgroup matrices), where the device has them.
import matrixProducts from '../../shaders/matmul.matrices.wgsl?raw';
import { base, halvesOf } from '../compiler/partition.js';
import type { Tile } from '../planning/limits.js';
import { flat } from '../wgsl/indices.js';
import { type Declared, matrixIndex, type Operand, type Product } from './matmul.js';

/** What an adapter's matrix units multiply, [M, K] by [K, N], as `GPUAdapterInfo.subgroupMatrixConfigs` has it. */
export interface MatrixUnit {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Quads of rows and of columns that an invocation hands on, the best first. */
const BLOCKS = [
  [4, 2],
  [2, 1],
] as const;

/** What has matrix units compute a product, by subgroups of so many invocations. */
export type Matrices = ReturnType<typeof makeMatrices>;
export function makeMatrices(units: readonly MatrixUnit[], lanes: number) {
  const [x, y] = [Math.min(8, lanes), Math.max(1, lanes / 8)];
  /** The first unit that takes the operands as they lie, with a tile that it divides and that divides the product. */
  return (product: Product) => {
    const { operands, options, m, n, k } = product;
    const isSingle = ({ node }: Operand): boolean =>
      node.dtype === 'f32' && options.stored.has(base(node));
    const type = operands.every(({ node }) => halvesOf(node))
      ? 'f16'
      : operands.every(isSingle)
        ? 'f32'
        : undefined;
    for (const unit of units.filter(
      (each) => each.componentType === type && each.resultComponentType === 'f32',
    ))
      for (const [rows, columns] of BLOCKS) {
        const [down, across] = [4 * rows * y, 4 * columns * x];
        const overhang = [m % down, n % across, k % unit.K, down % unit.M, across % unit.N];
        const tile: Tile = ['matrices', rows, columns, x, y];
        if (overhang.every((rest) => rest === 0))
          return { tile, ...writeSums(product, unit, down, across) };
      }
    return undefined;
  };
}

/** Sums by a matrix unit for a tile of `down` × `across` outputs. */
function writeSums(product: Product, unit: MatrixUnit, down: number, across: number) {
  const { M, N, K } = unit;
  const functions: Declared[] = [
    ...product.operands.map((operand) => writeMatrix(product, operand, unit)),
    ['Result', `alias Result = subgroup_matrix_result<f32, ${N}, ${M}>;`], // WGSL counts columns first
    ['tile', `var<workgroup> tile: array<f32, ${down * across}>;`],
  ];
  const sizes = { MATRIX_M: M, MATRIX_N: N, MATRIX_K: K, DOWN: down / M, ACROSS: across / N };
  const extensions = ['chromium_experimental_subgroup_matrix', 'subgroups'];
  return { functions, statements: matrixProducts, sizes, element: '', extensions };
}

/** fn matrix_a / matrix_b: the matrix of an operand at a step of k, and at a row of A or a column of B. */
function writeMatrix(
  { writer, batch }: Product,
  operand: Operand,
  { componentType, M, N, K }: MatrixUnit,
): Declared {
  const { name, node, inner } = operand;
  const [p, q] = node.shape.slice(-2) as [number, number];
  const side =
    name === 'a' ? `left<${componentType}, ${K}, ${M}>` : `right<${componentType}, ${N}, ${K}>`;
  const type = `subgroup_matrix_${side}`;
  const layout = (name === 'a') === (inner === 'q') ? 'row_major' : 'col_major';
  const at = inner === 'p' ? `k * ${q}u + along` : `along * ${q}u + k`;
  const buffer = writer.bind(halvesOf(node) ?? base(node), 'read');
  const start = `${flat(matrixIndex(batch, operand))} * ${p * q}u`;
  const load = `subgroupMatrixLoad<${type}, ${layout}>(&${buffer}, ${start} + ${at}, ${q}u)`;
  return [
    `matrix_${name}`,
    `fn matrix_${name}(batch: u32, k: u32, along: u32) -> ${type} { return ${load}; }`,
  ];
}
