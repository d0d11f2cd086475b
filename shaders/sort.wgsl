// The first pass of a stable sort of keys by rank: the positions of each run of WIDTH neighbours, in the order of their keys.
// An invocation counts the keys of its run that come before its own; of equal ones the first.
// in0 = keys [COUNT]; out0 = positions [COUNT].
//! const COUNT = 100u, WIDTH = 32u, GROUP = 64u
//! binding read in0: array<i32, COUNT>
//! binding read_write out0: array<i32, COUNT>
@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.x + group.y * groups.x) * GROUP + lane;
  if (at >= COUNT) { return; }
  let first = at - at % WIDTH;
  let last = min(first + WIDTH, u32(COUNT));
  let key = in0[at];
  var rank = first;
  for (var other = first; other < last; other++) {
    let isBefore = (in0[other] < key) | ((in0[other] == key) & (other < at));
    rank += select(0u, 1u, isBefore);
  }
  out0[rank] = i32(at);
}
