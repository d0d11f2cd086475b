// A workgroup copies DEPTH steps of k of its rows of A and columns of B into its memory, in blocks of 4 × 4, and all of its
// invocations compute from there. Quads of rows and columns of one invocation lie GROUP_Y and GROUP_X quads apart.
//! inside matmul.wgsl as products
//! const DEPTH = 4u, ROW_STRIDE = 16u, COLUMN_STRIDE = 32u
//! declare fn row_a(m: u32, k: u32) -> vec4f { return b0[(min(m, M - 1u) * K + k) / 4u]; }
//! declare fn row_b(n: u32, k: u32) -> vec4f { return b1[(min(n, N - 1u) * K + k) / 4u]; }
//! declare fn block_a(batch: u32, k: u32, m: u32) -> mat4x4f {
//!   return transpose(mat4x4f(row_a(m, k), row_a(m + 1u, k), row_a(m + 2u, k), row_a(m + 3u, k)));
//! }
//! declare fn block_b(batch: u32, k: u32, n: u32) -> mat4x4f {
//!   return transpose(mat4x4f(row_b(n, k), row_b(n + 1u, k), row_b(n + 2u, k), row_b(n + 3u, k)));
//! }
//! declare var<workgroup> tile_a: array<vec4f, DEPTH * QUADS_A>;
//! declare var<workgroup> tile_b: array<vec4f, DEPTH * QUADS_B>;
let m0 = group.y * QUADS_A * 4u + 4u * y;
let n0 = group.x * QUADS_B * 4u + 4u * x;
for (var k0 = 0u; k0 < K + zero; k0 += DEPTH) {
  for (var i = lane; i < QUADS_A * DEPTH / 4u; i += GROUP_X * GROUP_Y) {
    let block = block_a(batch, k0 + i / QUADS_A * 4u, (group.y * QUADS_A + i % QUADS_A) * 4u);
    //:repeat t 4
    tile_a[(i / QUADS_A * 4u + ${t}u) * QUADS_A + i % QUADS_A] = block[${t}];
    //:end
  }
  for (var i = lane; i < QUADS_B * DEPTH / 4u; i += GROUP_X * GROUP_Y) {
    let block = block_b(batch, k0 + i / QUADS_B * 4u, (group.x * QUADS_B + i % QUADS_B) * 4u);
    //:repeat t 4
    tile_b[(i / QUADS_B * 4u + ${t}u) * QUADS_B + i % QUADS_B] = block[${t}];
    //:end
  }
  workgroupBarrier();
  for (var k = 0u; k < DEPTH + zero; k++) {
    //:repeat J COLUMN_TILES
    let right${J} = tile_b[k * QUADS_B + x + ${J}u * GROUP_X];
    //:end
    //:repeat I ROW_TILES
    let left${I} = tile_a[k * QUADS_A + y + ${I}u * GROUP_Y];
    //:repeat s 4
    //:repeat J COLUMN_TILES
    c${I}${s}_${J} += left${I}[${s}] * right${J};
    //:end
    //:end
    //:end
  }
  workgroupBarrier();
}
