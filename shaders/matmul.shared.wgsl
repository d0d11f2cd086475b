// A workgroup copies DEPTH steps of k of its rows of A and columns of B into its memory, and all of its invocations compute
// from there, each slice four steps in turn. Quads of rows and columns of one invocation lie GROUP_Y and GROUP_X quads apart.
// Places in memory have an index for each of: four steps of k, the step among them, the quad, those of A first. Drivers know the
// bounds of the second, and the third stays as it is in the loop: nearly all that is left there is to multiply and add.
//! inside matmul.wgsl as products
//! const DEPTH = 16u, ROW_STRIDE = 16u, COLUMN_STRIDE = 32u, STEPS_A = 4u, STEPS_B = 4u, FIRST_B = 0u
//! part place_a = let step = i % (DEPTH / STEPS_A) * STEPS_A;
//!   let quad = i / (DEPTH / STEPS_A);
//! part place_b = let step = i % (DEPTH / STEPS_B) * STEPS_B;
//!   let quad = i / (DEPTH / STEPS_B);
//! declare fn row_a(m: u32, k: u32) -> vec4f { return b0[(min(m, M - 1u) * K + k) / 4u]; }
//! declare fn row_b(n: u32, k: u32) -> vec4f { return b1[(min(n, N - 1u) * K + k) / 4u]; }
//! declare fn block_a(batch: u32, k: u32, m: u32) -> mat4x4f {
//!   return transpose(mat4x4f(row_a(m, k), row_a(m + 1u, k), row_a(m + 2u, k), row_a(m + 3u, k)));
//! }
//! declare fn block_b(batch: u32, k: u32, n: u32) -> mat4x4f {
//!   return transpose(mat4x4f(row_b(n, k), row_b(n + 1u, k), row_b(n + 2u, k), row_b(n + 3u, k)));
//! }
//! declare var<workgroup> memory: array<array<array<vec4f, QUADS_A + QUADS_B>, 4>, DEPTH / 4>;
let m0 = group.y * QUADS_A * 4u + 4u * y;
let n0 = group.x * QUADS_B * 4u + 4u * x;
for (var k0 = start; k0 < end + zero; k0 += DEPTH) {
  for (var i = lane; i < QUADS_A * DEPTH / STEPS_A; i += INVOCATIONS) {
    //:place_a
    let block = block_a(batch, k0 + step, (group.y * QUADS_A + quad) * 4u);
    //:repeat t STEPS_A
    memory[(step + ${t}u) / 4u][(step + ${t}u) % 4u][quad] = block[${t}];
    //:end
  }
  // those that copied nothing of A begin
  for (var i = (lane + FIRST_B) % INVOCATIONS; i < QUADS_B * DEPTH / STEPS_B; i += INVOCATIONS) {
    //:place_b
    let block = block_b(batch, k0 + step, (group.x * QUADS_B + quad) * 4u);
    //:repeat t STEPS_B
    memory[(step + ${t}u) / 4u][(step + ${t}u) % 4u][QUADS_A + quad] = block[${t}];
    //:end
  }
  workgroupBarrier();
  for (var turn = 0u; turn < DEPTH / 4u + zero; turn += SLICES) {
    let k = turn + slice;
    //:repeat t 4
    //:repeat J COLUMN_TILES
    let right${t}_${J} = memory[k][${t}][QUADS_A + x + ${J}u * GROUP_X];
    //:end
    //:repeat I ROW_TILES
    let left${t}_${I} = memory[k][${t}][y + ${I}u * GROUP_Y];
    //:repeat s ROWS
    //:repeat J COLUMN_TILES
    c${I}${s}_${J} += left${t}_${I}[${s}] * right${t}_${J};
    //:end
    //:end
    //:end
    //:end
  }
  workgroupBarrier();
}
