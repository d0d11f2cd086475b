// Cumulative sums along rows of LENGTH numbers that lie STRIDE apart: out0[k] = Σ in0[j] over j ≤ k, or j ≥ k where REVERSE is
// 1. A workgroup of WIDTH invocations a row, each with CHUNK neighbours: their sum, then the sums of all chunks before by a
// tree (Hillis and Steele 1986), then each number. Bits depend on LENGTH and WIDTH alone.
//! const LENGTH = 100u, STRIDE = 1u, ROWS = 7u, WIDTH = 32u, CHUNK = 4u, REVERSE = 0u
//! binding read in0: array<f32, ROWS * LENGTH>
//! binding read_write out0: array<f32, ROWS * LENGTH>
@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= ROWS) { return; }
  // the first element of the row
  let start = row / STRIDE * (LENGTH * STRIDE) + row % STRIDE;
  let first = min(lane * CHUNK, u32(LENGTH));
  let last = min(first + CHUNK, u32(LENGTH));
  var sum = 0.0;
  for (var k = first; k < last; k++) {
    sum += in0[start + place(k)];
  }
  tree[lane] = sum;
  workgroupBarrier();
  for (var reach = 1u; reach < WIDTH; reach *= 2u) {
    let before = select(0.0, tree[max(lane, reach) - reach], lane >= reach);
    workgroupBarrier();
    tree[lane] += before;
    workgroupBarrier();
  }
  var running = select(0.0, tree[max(lane, 1u) - 1u], lane > 0u);
  for (var k = first; k < last; k++) {
    running += in0[start + place(k)];
    out0[start + place(k)] = running;
  }
}

var<workgroup> tree: array<f32, WIDTH>;

// Where the k-th number of a row lies, behind the row's first.
fn place(k: u32) -> u32 {
  return select(k, LENGTH - 1u - k, REVERSE == 1u) * STRIDE;
}
