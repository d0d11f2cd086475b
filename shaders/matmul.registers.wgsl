// The LANES of a subgroup need the same rows of A: each reads LEFTS of their vectors and hands them to the others.
//! inside matmul.wgsl as products
//! const DEPTH = 4u, LANES = 1u, LEFTS = 4u
//! declare fn load_a(batch: u32, m0: u32, k: u32, q: u32) -> vec4f { return b0[(min(m0 + q, M - 1u) * K + k) / 4u]; }
//! declare fn row_b(n: u32, k: u32) -> vec4f { return b1[(min(n, N - 1u) * K + k) / 4u]; }
//! declare fn block_b(batch: u32, k: u32, n: u32) -> mat4x4f {
//!   return transpose(mat4x4f(row_b(n, k), row_b(n + 1u, k), row_b(n + 2u, k), row_b(n + 3u, k)));
//! }
//! part element = let element = left[row / LANES][step];
let m0 = (group.y * GROUP_Y + y) * ROW_TILES * 4u;
let n0 = (group.x * GROUP_X + x) * COLUMN_TILES * 4u;
for (var k = 0u; k < K + zero; k += DEPTH) {
  var left: array<vec4f, LEFTS>;
  //:repeat q LEFTS
  left[${q}] = load_a(batch, m0, k, ${q}u * LANES + lane % LANES);
  //:end
  //:repeat J COLUMN_TILES
  let right${J} = block_b(batch, k, n0 + 4u * ${J}u); // right[t] = B[k + t, n .. n + 3]
  //:end
  //:repeat t DEPTH
  //:repeat I ROW_TILES
  //:repeat s 4
  {
    const row = 4u * ${I}u + ${s}u;
    const step = ${t}u;
    //:element
    //:repeat J COLUMN_TILES
    c${I}${s}_${J} += element * right${J}[${t}];
    //:end
  }
  //:end
  //:end
  //:end
}
