// A further pass of sort.wgsl: each WAYS neighbouring runs of WIDTH positions, in the order of their keys, become one run. An
// invocation finds by bisection how many keys of the other runs come before its own; of equal ones those of earlier runs.
// in0 = keys [COUNT], in1 = positions [COUNT]; out0 = positions [COUNT]. STEPS is the least with 2^STEPS > WIDTH.
//! const COUNT = 100u, WIDTH = 32u, WAYS = 4u, STEPS = 6u, GROUP = 64u
//! binding read in0: array<i32, COUNT>
//! binding read in1: array<i32, COUNT>
//! binding read_write out0: array<i32, COUNT>
@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.x + group.y * groups.x) * GROUP + lane;
  if (at >= COUNT) { return; }
  let position = in1[at];
  let key = in0[position];
  let own = at / WIDTH;
  let first = own - own % WAYS;
  var rank = first * WIDTH + at % WIDTH;
  for (var run = first; run < first + WAYS; run++) {
    rank += select(count_before(run, key, run < own), 0u, run == own);
  }
  out0[rank] = position;
}

// How many keys of a run are smaller than `key`, or equal where `orEqual`
fn count_before(run: u32, key: i32, orEqual: bool) -> u32 {
  let first = min(run * WIDTH, u32(COUNT));
  var low = first;
  var high = min(first + WIDTH, u32(COUNT));
  for (var step = 0u; step < STEPS; step++) {
    let middle = (low + high) / 2u;
    let other = in0[in1[min(middle, COUNT - 1u)]];
    let isBefore = (low < high) & ((other < key) | (orEqual & (other == key)));
    low = select(low, middle + 1u, isBefore);
    high = select(middle, high, isBefore);
  }
  return low - first;
}
