// layerNorm.backward.wgsl with an invocation a row of ∂C/∂x, or a column of ∂C/∂γ and ∂C/∂β: the first ROW_GROUPS workgroups
// make rows, the others columns. Each sum is in ascending order.
//! const ROWS = 7u, LENGTH = 100u, WIDTH = 8u, ROW_GROUPS = 1u
//! binding read in0: array<f32, ROWS * LENGTH>
//! binding read in1: array<f32, LENGTH>
//! binding read in2: array<f32, ROWS>
//! binding read in3: array<f32, ROWS>
//! binding read in4: array<f32, ROWS * LENGTH>
//! binding read_write out0: array<f32, ROWS * LENGTH>
//! binding read_write out1: array<f32, LENGTH>
//! binding read_write out2: array<f32, LENGTH>
@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = group.x + group.y * groups.x;
  if (place < ROW_GROUPS) {
    row_of_gradient(place * WIDTH + lane);
  } else {
    column_of_gradient((place - ROW_GROUPS) * WIDTH + lane);
  }
}

// ∂C/∂x = r (g − mean(g) − x̂ mean(g x̂)), with g = u γ and x̂ = (x − μ) r
fn row_of_gradient(row: u32) {
  if (row >= ROWS) { return; }
  let start = row * LENGTH;
  let mean = in2[row];
  let scale = in3[row];
  var sums = vec2f();
  for (var i = 0u; i < LENGTH; i++) {
    let g = in4[start + i] * in1[i];
    sums += vec2f(g, g * ((in0[start + i] - mean) * scale));
  }
  let means = sums / f32(LENGTH);
  for (var i = 0u; i < LENGTH; i++) {
    let g = in4[start + i] * in1[i];
    let normal = (in0[start + i] - mean) * scale;
    out0[start + i] = scale * (g - means.x - normal * means.y);
  }
}

// ∂C/∂γ = Σ u x̂ and ∂C/∂β = Σ u over the rows
fn column_of_gradient(column: u32) {
  if (column >= LENGTH) { return; }
  var sums = vec2f();
  for (var row = 0u; row < ROWS; row++) {
    let at = row * LENGTH + column;
    sums += vec2f(in4[at] * ((in0[at] - in2[row]) * in3[row]), in4[at]);
  }
  out1[column] = sums.x;
  out2[column] = sums.y;
}
