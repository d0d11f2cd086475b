// Kernels of matrix products, with the elementwise results that are fused into them.
import skeleton from '../../../shaders/matmul.wgsl?raw';
import { sizeOf } from '../../core/shape.js';
import { type Group, isAlongResults } from '../../planning/groups.js';
import { MAX_GROUPS, products } from '../../planning/limits.js';
import { invocationsOf } from '../../planning/products.js';
import type { Kernel } from '../../wgsl/bindings.js';
import { flat, type Index, rebased } from '../../wgsl/indices.js';
import type { Code } from '../../wgsl/kernel.js';
import type { EmitOptions } from '../options.js';
import { writeResults } from '../results.js';
import { liesInVectors } from './operands.js';
import { type Product, productOf, type Sums } from './product.js';
import { writeSums } from './sums.js';
import { chooseFootprint } from './tiles.js';

/** How the sums of a product come about on this device. */
function sumsOf(product: Product, options: EmitOptions): Sums {
  const { a, b, m, n, k } = product;
  const isWide = liesInVectors(a) && liesInVectors(b);
  // element by element, every operand's address is computed anew: small tiles keep the kernel's text short
  const isSmall = !isWide || m * n * k <= products.small;
  const byUnits = isSmall || product.parts > 1 ? undefined : options.matrices?.(product);
  if (byUnits) return byUnits;
  return writeSums(product, chooseFootprint(product, options, isSmall), options.lanes, isWide);
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

/** Which steps of k a workgroup adds. */
function rangeText({ batch, part, parts }: Product): string {
  if (parts === 1) return 'let start = 0u;\nlet end = K;';
  const start = `let start = batch / ${sizeOf(batch) / parts}u * ${part}u;`;
  return `${start}\nlet end = min(start + ${part}u, K);`;
}

/** Invocations of workgroups without slices. */
const lanes = 'let x = lane % GROUP_X;\nlet y = lane / GROUP_X;';

/** The constants of a tile in a product, and how many tiles there are. */
function layTiles({ batch, m, n, k }: Product, { tile }: Sums) {
  const [kind, ROW_TILES, COLUMN_TILES, GROUP_X, GROUP_Y] = tile;
  // where workgroup memory hands them on, an invocation's quads of rows and columns lie apart
  const isApart = kind !== 'registers' && kind !== 'lanes';
  const QUADS_A = ROW_TILES * GROUP_Y;
  const QUADS_B = COLUMN_TILES * GROUP_X;
  const constants = {
    ...{ M: m, N: n, K: k, GROUP_X, GROUP_Y, ROW_TILES, COLUMN_TILES },
    ROW_STRIDE: isApart ? 4 * GROUP_Y : 4,
    COLUMN_STRIDE: isApart ? 4 * GROUP_X : 4,
    ...{ QUADS_A, QUADS_B, ROWS: 4 },
  };
  const across = Math.ceil(n / (4 * QUADS_B));
  const down = Math.ceil(m / (4 * QUADS_A));
  return { constants, ...foldGroups([across, down, sizeOf(batch)]) };
}

/** A matrix product; its epilogue is fn finish, for four neighbouring outputs of one row. */
export function emitMatmul(group: Group, options: EmitOptions): Kernel {
  const [head] = group.members;
  const isWide = (head.shape.at(-1) ?? 1) % 4 === 0;
  // the first of four neighbouring outputs stands for any of them
  const vectorAt = (_: unknown, index: Index): string | undefined =>
    isAlongResults(group, index) ? `${flat(rebased(index, 'n', 'first'))} / 4u` : undefined;
  const { writer, ...epilogue } = writeResults(group, options, isWide ? vectorAt : undefined);
  const product = productOf(head, options.stored, writer);
  const sums = sumsOf(product, options);
  const tiles = layTiles(product, sums);
  const filling = {
    parts: {
      ...epilogue,
      ...{ lanes, range: rangeText(product), group: tiles.group },
      ...sums.parts,
      products: sums.statements,
      guard: isWide ? '' : 'if (n < N)',
    },
    constants: { ...tiles.constants, ...sums.constants },
    declarations: new Map(sums.functions),
    extensions: sums.extensions,
  };
  const kernel = writer.kernel(skeleton, filling, tiles.workgroups);
  switch (sums.tile[0]) {
    case 'matrices': {
      // tiles are measured, units are not; they load through pointers to arrays
      const code = inOneRow(kernel.code, invocationsOf(sums));
      return { ...kernel, code: { ...code, takesWholes: true } };
    }
    case 'thin':
    case 'shared':
      return { ...kernel, code: inOneRow(kernel.code, invocationsOf(sums)), product: product.name };
    case 'lanes':
      return { ...kernel, code: withLanes(kernel.code), product: product.name };
    case 'registers':
      return { ...kernel, product: product.name };
    default:
      return sums.tile[0] satisfies never;
  }
}

/** A workgroup of as many invocations along x alone: WGSL wants subgroups that compute matrices to lie so. */
const inOneRow = (code: Code, invocations: number): Code => ({
  ...code,
  size: [`${invocations}`, '1'],
});

/** Invocations numbered within their subgroup, which is a workgroup. */
const withLanes = (code: Code): Code => ({
  ...code,
  parameters: code.parameters.map((each) =>
    each.name === 'lane' ? { ...each, builtin: 'subgroup_invocation_id' } : each,
  ),
});
