import { type Shape, sizeOf } from '../shape.js';
import { digit, flat, project } from './index.js';
import type { Operand, Tile } from './matmul.js';
import { base, halvesOf } from './partition.js';
import type { Writer } from './writer.js';

/** What an adapter's matrix units multiply, [M, K] by [K, N], as `GPUAdapterInfo.subgroupMatrixConfigs` has it. */
export interface MatrixUnit {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}
/** Matrix units, and the invocations of the subgroups that use them. */
export interface MatrixUnits {
  readonly units: readonly MatrixUnit[];
  readonly lanes: number;
}

/** Quads of rows and of columns that an invocation hands on, the best first. */
const BLOCKS = [
  [4, 2],
  [2, 1],
] as const;

/** A unit that takes these operands as they lie, and a tile that it divides and that divides the product; if there are any. */
export function fitMatrices(
  { units, lanes }: MatrixUnits,
  operands: readonly Operand[],
  [m, n, k]: readonly [number, number, number],
  isStored: (operand: Operand) => boolean,
): { unit: MatrixUnit; tile: Tile } | undefined {
  const type = operands.every(({ node }) => halvesOf(node)) ? 'f16' : operands.every(isStored) ? 'f32' : undefined;
  const [x, y] = [Math.min(8, lanes), Math.max(1, lanes / 8)];
  for (const unit of units.filter((each) => each.componentType === type && each.resultComponentType === 'f32'))
    for (const [rows, columns] of BLOCKS) {
      const [down, across] = [4 * rows * y, 4 * columns * x];
      const overhang = [m % down, n % across, k % unit.K, down % unit.M, across % unit.N];
      if (overhang.every((rest) => rest === 0)) return { unit, tile: ['matrices', rows, columns, x, y] };
    }
  return undefined;
}

/** fn matrix_a / matrix_b: the matrix of an operand at a step of k, and at a row of A or a column of B. */
export function writeMatrix(
  kernel: Writer,
  { name, node, p, q, inner }: Operand,
  batch: Shape,
  { componentType, M, N, K }: MatrixUnit,
): string {
  // WGSL counts columns first
  const type = `subgroup_matrix_${name === 'a' ? `left<${componentType}, ${K}, ${M}` : `right<${componentType}, ${N}, ${K}`}>`;
  const layout = (name === 'a') === (inner === 'q') ? 'row_major' : 'col_major';
  const lead = project(digit('batch', sizeOf(batch)), batch, node.shape.slice(0, -2), String);
  const at = inner === 'p' ? `k * ${q}u + along` : `along * ${q}u + k`;
  const buffer = kernel.bind(halvesOf(node) ?? base(node), 'read');
  const load = `subgroupMatrixLoad<${type}, ${layout}>(&${buffer}, ${flat(lead)} * ${p * q}u + ${at}, ${q}u)`;
  return `fn matrix_${name}(batch: u32, k: u32, along: u32) -> ${type} { return ${load}; }`;
}
