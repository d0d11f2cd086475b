// A subgroup, which is a workgroup, has its matrix unit compute DOWN × ACROSS matrices of MATRIX_M × MATRIX_N outputs. They
// go through workgroup memory to the invocations, whose quads of rows and columns lie GROUP_Y and GROUP_X quads apart.
//! inside matmul.wgsl as products
//! enable chromium_experimental_subgroup_matrix
//! enable subgroups
//! const M = 8u, N = 512u, K = 8u, GROUP_X = 128u, GROUP_Y = 1u, ROW_TILES = 2u, COLUMN_TILES = 1u
//! const QUADS_A = 2u, QUADS_B = 128u, ROW_STRIDE = 4u, COLUMN_STRIDE = 512u
//! const MATRIX_M = 8u, MATRIX_N = 8u, MATRIX_K = 8u, DOWN = 1u, ACROSS = 64u
//! binding read b0: array<f32, M * K>
//! binding read b1: array<f32, N * K>
//! declare alias Left = subgroup_matrix_left<f32, MATRIX_K, MATRIX_M>;
//! declare alias Right = subgroup_matrix_right<f32, MATRIX_N, MATRIX_K>;
//! declare alias Result = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;
//! declare fn matrix_a(batch: u32, k: u32, m: u32) -> Left {
//!   return subgroupMatrixLoad<Left, row_major>(&b0, m * K + k, K);
//! }
//! declare fn matrix_b(batch: u32, k: u32, n: u32) -> Right {
//!   return subgroupMatrixLoad<Right, col_major>(&b1, n * K + k, K);
//! }
//! declare var<workgroup> tile: array<f32, 16u * QUADS_A * QUADS_B>;
let m0 = group.y * QUADS_A * 4u + 4u * y;
let n0 = group.x * QUADS_B * 4u + 4u * x;
//:repeat I DOWN
//:repeat J ACROSS
var sum${I}_${J}: Result;
//:end
//:end
for (var k = 0u; k < K + zero; k += MATRIX_K) {
  //:repeat J ACROSS
  let right${J} = matrix_b(batch, k, group.x * QUADS_B * 4u + ${J}u * MATRIX_N);
  //:end
  //:repeat I DOWN
  let left${I} = matrix_a(batch, k, group.y * QUADS_A * 4u + ${I}u * MATRIX_M);
  //:repeat J ACROSS
  sum${I}_${J} = subgroupMatrixMultiplyAccumulate(left${I}, right${J}, sum${I}_${J});
  //:end
  //:end
}
//:repeat I DOWN
//:repeat J ACROSS
subgroupMatrixStore<row_major>(&tile, ${I}u * MATRIX_M * QUADS_B * 4u + ${J}u * MATRIX_N, sum${I}_${J}, QUADS_B * 4u);
//:end
//:end
workgroupBarrier();
//:repeat I ROW_TILES
//:repeat s ROWS
//:repeat J COLUMN_TILES
{
  let at = ((y + ${I}u * GROUP_Y) * 4u + ${s}u) * QUADS_B * 4u + (x + ${J}u * GROUP_X) * 4u;
  c${I}${s}_${J} = vec4f(tile[at], tile[at + 1u], tile[at + 2u], tile[at + 3u]);
}
//:end
//:end
//:end
