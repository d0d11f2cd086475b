// Products by matrix units. No software adapter has any, so the kernels run here with the built-in functions written out:
// each invocation of a subgroup holds whole matrices, and all of them compute the same.
import { describe, expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { relu } from '../../src/ops/activation.js';
import { add } from '../../src/ops/arithmetic.js';
import { matmul } from '../../src/ops/matmul.js';
import { random } from '../../src/ops/random.js';
import type { MatrixUnit } from '../../src/planning/limits.js';
import { openBackend } from '../support/engine.js';

const unit: MatrixUnit = { componentType: 'f32', resultComponentType: 'f32', M: 8, N: 8, K: 4 };

/** The size of a matrix by its type's name, as rows and columns. */
const sizes = {
  left: [unit.M, unit.K],
  right: [unit.K, unit.N],
  result: [unit.M, unit.N],
} as const;

/** `unknown` is 0, but drivers cannot know, so that they do not unroll the loops. */
const multiply = `
var<private> unknown: u32;
fn subgroupMatrixMultiplyAccumulate(a: array<f32, 32>, b: array<f32, 32>, sum: array<f32, 64>) -> array<f32, 64> {
  var out = sum;
  for (var m = 0u; m < 8u + unknown; m++) { for (var n = 0u; n < 8u + unknown; n++) { for (var k = 0u; k < 4u + unknown; k++) {
    out[m * 8u + n] += a[m * 4u + k] * b[k * 8u + n];
  } } }
  return out;
}`;

/** WGSL with subgroup matrices as WGSL without. */
function emulated(wgsl: string): string {
  if (!wgsl.includes('subgroup_matrix')) return wgsl;
  const load =
    /return subgroupMatrixLoad<subgroup_matrix_(\w+)<f32, \d+, \d+>, (\w+)>\(&(\w+), (.*), (\d+u)\);/g;
  const text = wgsl
    .replace(/enable \w+;\n/g, '')
    .replace('let zero =', 'unknown = place.z >> 16u;\n  let zero =')
    .replace(load, (_, side: 'left' | 'right', layout, buffer, at, stride) => {
      const [rows, columns] = sizes[side];
      const place = layout === 'row_major' ? `r * ${stride} + c` : `c * ${stride} + r`;
      const assign = `out[r * ${columns}u + c] = ${buffer}[${at} + ${place}];`;
      const loops = `for (var r = 0u; r < ${rows}u + unknown; r++) { for (var c = 0u; c < ${columns}u + unknown; c++) { ${assign} } }`;
      return `var out: array<f32, ${rows * columns}>; ${loops} return out;`;
    })
    .replace(
      /subgroupMatrixStore<row_major>\(&tile, (.*), (\w+), (.*)\);/g,
      (_, at, value, stride) => {
        const assign = `tile[${at} + r * ${stride} + c] = ${value}[r * 8u + c];`;
        return `for (var r = 0u; r < 8u + unknown; r++) { for (var c = 0u; c < 8u + unknown; c++) { ${assign} } }`;
      },
    )
    .replace(
      /subgroup_matrix_(\w+)<f32, (\d+), (\d+)>/g,
      (_, __, n, m) => `array<f32, ${Number(n) * Number(m)}>`,
    );
  return `${text}\n${multiply}`;
}

/** relu(op(A) op(B) + bias). */
function layer(
  transposeA: boolean,
  transposeB: boolean,
  [m, n, k]: readonly [number, number, number],
  batch: number[],
) {
  const a = random.normal([...batch, ...(transposeA ? [k, m] : [m, k])], { seed: 1 });
  const b = random.normal(transposeB ? [n, k] : [k, n], { seed: 2 });
  return relu(add(matmul(a, b, { transposeA, transposeB }), random.normal([n], { seed: 3 })));
}

describe('a product by matrix units', () => {
  it.each([
    ['A Bᵀ', false, true, [128, 192, 256], []],
    ['A B', false, false, [192, 256, 128], []],
    ['Aᵀ B', true, false, [256, 128, 192], []],
    ['A B of a batch', false, false, [64, 256, 128], [3]],
    ['A B that only a small tile divides', false, false, [136, 224, 260], []],
  ] as const)('%s is right', async (_, transposeA, transposeB, shape, batch) => {
    const backend = await openBackend({
      subgroupMatrix: [unit],
      rewrite: emulated,
    });
    await using engine = new Engine(backend);
    const graph = layer(transposeA, transposeB, shape, [...batch]);
    const step = engine.compile({ outputs: graph });
    expect(step.plan.dispatches.at(-1)!.wgsl).toContain('subgroupMatrixMultiplyAccumulate');
    const { checks } = await engine.verify(graph);
    expect(checks.filter(({ worst }) => !(worst.ratio <= 1))).toEqual([]);
    expect(checks.at(-1)).toMatchObject({ op: 'relu' });
  });

  it('leaves sizes that do not divide to other kernels', async () => {
    await using engine = new Engine(await openBackend({ subgroupMatrix: [unit] }));
    const { plan } = engine.compile({ outputs: layer(false, true, [130, 192, 256], []) });
    expect(plan.dispatches.at(-1)!.wgsl).not.toContain('subgroup_matrix');
  });
});
