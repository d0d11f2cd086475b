// Backward of gather over sorted positions: an invocation adds the values at the positions of a row, in ascending order, into
// LANES neighbouring elements of it.
// in0 = values [OUTER, COUNT, INNER], in1 = starts [ROWS + 2], in2 = positions [COUNT]; out0 = sums [OUTER, ROWS, INNER].
//! const COUNT = 100u, INNER = 8u, ROWS = 12u, LANES = 4u, TASKS = 48u, GROUP = 64u
//! binding read in0: array<f32, 2u * COUNT * INNER>
//! binding read in1: array<i32, ROWS + 2u>
//! binding read in2: array<i32, COUNT>
//! binding read_write out0: array<f32, 2u * ROWS * INNER>
@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let task = (group.x + group.y * groups.x) * GROUP + lane;
  if (task >= TASKS) { return; }
  let element = task * LANES;
  let row = element / INNER % ROWS;
  let values = element / (ROWS * INNER) * (COUNT * INNER) + element % INNER;
  let end = in1[row + 1u];
  var totals = vec4f();
  for (var at = in1[row]; at < end; at++) {
    let value = values + u32(in2[at]) * INNER;
    totals += vec4f(in0[value], in0[value + 1u % LANES], in0[value + 2u % LANES], in0[value + 3u % LANES]);
  }
  // four times the same where a row is no multiple of four
  out0[element] = totals.x;
  out0[element + 1u % LANES] = totals.y;
  out0[element + 2u % LANES] = totals.z;
  out0[element + 3u % LANES] = totals.w;
}
