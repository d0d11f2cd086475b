// An invocation has ROWS rows, at most four: each slice reads four steps of k in turn, as they lie, two turns at a time.
//! inside matmul.wgsl as products
//! const ROWS = 2u
//! declare fn left(batch: u32, k: u32, m: u32) -> vec4f { return b0[(min(m, M - 1u) * K + k) / 4u]; }
//! declare fn row_b(n: u32, k: u32) -> vec4f { return b1[(min(n, N - 1u) * K + k) / 4u]; }
//! declare fn block_b(batch: u32, k: u32, n: u32) -> mat4x4f {
//!   return transpose(mat4x4f(row_b(n, k), row_b(n + 1u, k), row_b(n + 2u, k), row_b(n + 3u, k)));
//! }
let m0 = (group.y * GROUP_Y + y) * ROWS;
let n0 = group.x * QUADS_B * 4u + 4u * x;
for (var turn = start; turn < end + zero; turn += 8u * SLICES) {
  //:repeat u 2
  //:repeat s ROWS
  let left${u}_${s} = left(batch, turn + 4u * (slice + ${u}u * SLICES), m0 + ${s}u); // left[t] = A[m, k + t]
  //:end
  //:repeat J COLUMN_TILES
  let right${u}_${J} = block_b(batch, turn + 4u * (slice + ${u}u * SLICES), n0 + ${J}u * COLUMN_STRIDE); // right[t] = B[k + t, n .. n + 3]
  //:end
  //:end
  //:repeat u 2
  //:repeat t 4
  //:repeat s ROWS
  //:repeat J COLUMN_TILES
  c0${s}_${J} += left${u}_${s}[${t}] * right${u}_${J}[${t}];
  //:end
  //:end
  //:end
  //:end
}
