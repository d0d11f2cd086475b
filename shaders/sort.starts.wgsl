// Where rows start among sorted positions, each found by bisection.
// in0 = keys [COUNT], in1 = positions [COUNT] in the order of their keys; out0 = starts [ROWS + 2]: positions with key k stand
// from starts[k] to starts[k + 1]. STEPS is the least with 2^STEPS > COUNT.
//! const COUNT = 100u, ROWS = 12u, STEPS = 7u, GROUP = 64u
//! binding read in0: array<i32, COUNT>
//! binding read in1: array<i32, COUNT>
//! binding read_write out0: array<i32, ROWS + 2u>
@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.x + group.y * groups.x) * GROUP + lane;
  if (row >= ROWS + 2u) { return; }
  var low = 0u;
  var high = u32(COUNT);
  for (var step = 0u; step < STEPS; step++) {
    let middle = (low + high) / 2u;
    let isBefore = (low < high) & (in0[in1[min(middle, COUNT - 1u)]] < i32(row));
    low = select(low, middle + 1u, isBefore);
    high = select(middle, high, isBefore);
  }
  out0[row] = i32(low);
}
