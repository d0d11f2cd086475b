// C = op(A) op(B): W a forward (A Bᵀ), Wᵀ δ backward (A B) and the weight gradient δ aᵀ summed over a batch (Aᵀ B).
// One invocation owns 4·ROW_TILES × 4·COLUMN_TILES outputs in registers and adds its steps of k in ascending order: all, or
// those of its slice and part, which a product has by its shape. So every tile gives the same bits. finish applies the epilogue
// (bias, activation, ⊙ σ′) and stores.
//! const M = 30u, N = 31u, K = 64u, GROUP_X = 8u, GROUP_Y = 4u, ROW_TILES = 1u, COLUMN_TILES = 1u
//! const QUADS_A = 4u, QUADS_B = 8u, ROW_STRIDE = 4u, COLUMN_STRIDE = 4u, ROWS = 4u, SLICES = 1u, INVOCATIONS = 32u
//! binding read b0: array<vec4f, M * K / 4>
//! binding read b1: array<vec4f, N * K / 4>
//! binding read_write b2: array<f32, M * N>
//! part group = let group = place;
//! part lanes = let x = lane % GROUP_X;
//!   let y = lane / GROUP_X;
//!   let slice = 0u;
//! part range = let start = 0u;
//!   let end = K;
//! part products = let m0 = (group.y * GROUP_Y + y) * ROW_TILES * 4u;
//!   let n0 = (group.x * GROUP_X + x) * COLUMN_TILES * 4u;
//! part guard = if (n < N)
//! part body = b2[m * N + n] = head;

// The epilogue of four neighbouring outputs of one row.
fn finish(batch: u32, m: u32, first: u32, value: vec4f) {
  if ((m >= M) | (first >= N)) { return; }
  //:loads
  //:repeat lane 4
  {
    const lane = ${lane}u;
    let n = first + lane;
    //:guard
    {
      let head = value[lane];
      //:prologue
      //:body
    }
  }
  //:end
  //:stores
}
@compute @workgroup_size(GROUP_X, GROUP_Y)
fn main(
  @builtin(workgroup_id) place: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let zero = place.z >> 16u; // a count that drivers cannot know, so that they do not unroll the loops
  //:group
  let batch = group.z;
  //:lanes
  //:range
  //:repeat I ROW_TILES
  //:repeat s ROWS
  //:repeat J COLUMN_TILES
  var c${I}${s}_${J} = vec4f();
  //:end
  //:end
  //:end
  //:products
  //:tree
  var rows: array<vec4f, ROWS * ROW_TILES * COLUMN_TILES>;
  //:repeat I ROW_TILES
  //:repeat s ROWS
  //:repeat J COLUMN_TILES
  rows[(${I} * ROWS + ${s}) * COLUMN_TILES + ${J}] = c${I}${s}_${J};
  //:end
  //:end
  //:end
  for (var r = 0u; r < ROWS * ROW_TILES + zero; r++) {
    for (var j = 0u; j < COLUMN_TILES; j++) {
      finish(batch, m0 + r / ROWS * ROW_STRIDE + r % ROWS, n0 + j * COLUMN_STRIDE, rows[r * COLUMN_TILES + j]);
    }
  }
}
