// layerNorm.wgsl with an invocation a row, for adapters whose invocations are lanes of a processor, where barriers cost more
// than they save. Each sum is in ascending order.
//! const ROWS = 7u, LENGTH = 100u, WIDTH = 8u
//! declare const EPSILON = 0.00001;
//! binding read in0: array<f32, ROWS * LENGTH>
//! binding read in1: array<f32, LENGTH>
//! binding read in2: array<f32, LENGTH>
//! binding read_write out0: array<f32, ROWS * LENGTH>
//! binding read_write out1: array<f32, ROWS>
//! binding read_write out2: array<f32, ROWS>
@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.x + group.y * groups.x) * WIDTH + lane;
  if (row >= ROWS) { return; }
  let start = row * LENGTH;
  var sum = 0.0;
  for (var i = 0u; i < LENGTH; i++) {
    sum += in0[start + i];
  }
  let mean = sum / f32(LENGTH);
  var squares = 0.0;
  for (var i = 0u; i < LENGTH; i++) {
    let centred = in0[start + i] - mean;
    squares += centred * centred;
  }
  let scale = 1.0 / sqrt(squares / f32(LENGTH) + f32(EPSILON));
  for (var i = 0u; i < LENGTH; i++) {
    out0[start + i] = (in0[start + i] - mean) * scale * in1[i] + in2[i];
  }
  out1[row] = mean;
  out2[row] = scale;
}
