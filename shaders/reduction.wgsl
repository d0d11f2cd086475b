// Reduction kernel: one invocation folds the columns of one row in ascending order, then computes what depends on the
// result while it is in a register. Rows and columns are any split of the axes: column sums (db = Σ δ) and softmax rows alike.
//! const GROUP_X = 8u, GROUP_Y = 1u, ACROSS = 2u, ROWS = 12u, COLUMNS = 5u
//! binding read b0: array<f32, ROWS * COLUMNS>
//! binding read_write b1: array<f32, ROWS>
//! part body = var h0 = 0.0;
//!   for (var column = 0u; column < COLUMNS + zero; column++) { h0 += b0[row * COLUMNS + column]; }
//!   b1[row] = h0;
@compute @workgroup_size(GROUP_X, GROUP_Y)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.x + group.y * ACROSS) * GROUP_X + lane;
  if (row >= ROWS) { return; }
  let zero = group.z; // 0, but drivers cannot know, so they do not unroll the loops
  //:prologue
  //:body
}
