// Reduction kernel: one invocation folds the columns of one row in ascending order, then computes what depends on the
// result while it is in a register. Rows and columns are any split of the axes: column sums (db = Σ δ) and softmax rows alike.
//:vocabulary
//:declarations
@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * groups.x * GROUP;
  if (row >= ROWS) { return; }
  let zero = id.z; // 0, but drivers cannot know, so they do not unroll the loops
  //:prologue
  //:body
}
