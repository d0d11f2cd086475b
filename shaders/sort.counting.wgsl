// A stable sort by counting (Seward 1954), for adapters whose invocations are lanes of a processor: one invocation.
// in0 = keys [COUNT]; out0 = starts [ROWS + 2]: positions with key k stand from starts[k] to starts[k + 1]; out1 = positions
// [COUNT] in the order of their keys. Those whose keys are not below ROWS stand last.
//! const COUNT = 100u, ROWS = 12u
//! binding read in0: array<i32, COUNT>
//! binding read_write out0: array<i32, ROWS + 2u>
//! binding read_write out1: array<i32, COUNT>
@compute @workgroup_size(1)
fn main() {
  for (var row = 0u; row < ROWS + 2u; row++) { out0[row] = 0; }
  // the keys of each row, counted two places further
  for (var at = 0u; at < COUNT; at++) {
    let key = u32(in0[at]);
    out0[min(key, ROWS - 1u) + 2u] += select(0, 1, key < ROWS);
  }
  // where each row starts, one place further
  var start = 0;
  for (var row = 1u; row < ROWS + 2u; row++) {
    start += out0[row];
    out0[row] = start;
  }
  // each position moves that on, in the end to where the next row starts
  for (var at = 0u; at < COUNT; at++) {
    let row = min(u32(in0[at]), u32(ROWS)) + 1u;
    let place = out0[row];
    out0[row] = place + 1;
    out1[place] = i32(at);
  }
}
