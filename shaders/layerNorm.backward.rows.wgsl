// layerNorm.backward.wgsl with an invocation a row of ∂C/∂x, or a column of ∂C/∂γ and ∂C/∂β: the first ROW_GROUPS workgroups
// make rows, the others columns. Each sum is compensated, in ascending order.
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
    row_of_gradient(place * WIDTH + lane, group.z);
  } else {
    column_of_gradient((place - ROW_GROUPS) * WIDTH + lane, group.z);
  }
}

// ∂C/∂x = r (g − mean(g) − x̂ mean(g x̂)), with g = u γ and x̂ = (x − μ) r
fn row_of_gradient(row: u32, zero: u32) {
  if (row >= ROWS) { return; }
  let start = row * LENGTH;
  let mean = in2[row];
  let scale = in3[row];
  var sums = Sums();
  for (var i = 0u; i < LENGTH; i++) {
    let g = in4[start + i] * in1[i];
    sums = with_two(sums, vec2f(g, g * ((in0[start + i] - mean) * scale)), zero);
  }
  let means = both(sums) / f32(LENGTH);
  for (var i = 0u; i < LENGTH; i++) {
    let g = in4[start + i] * in1[i];
    let normal = (in0[start + i] - mean) * scale;
    out0[start + i] = scale * (g - means.x - normal * means.y);
  }
}

// ∂C/∂γ = Σ u x̂ and ∂C/∂β = Σ u over the rows
fn column_of_gradient(column: u32, zero: u32) {
  if (column >= LENGTH) { return; }
  var sums = Sums();
  for (var row = 0u; row < ROWS; row++) {
    let at = row * LENGTH + column;
    sums = with_two(sums, vec2f(in4[at] * ((in0[at] - in2[row]) * in3[row]), in4[at]), zero);
  }
  let total = both(sums);
  out1[column] = total.x;
  out2[column] = total.y;
}

// Two sums, each with what rounding left out of it (see fold.wgsl).
struct Sums { sum: vec2f, rest: vec2f }

fn with_two(total: Sums, value: vec2f, zero: u32) -> Sums {
  let sum = two_as_rounded(total.sum + value, zero);
  return Sums(sum, total.rest + (value - two_as_rounded(sum - total.sum, zero)));
}
// Numbers that compilers must take as they come: `zero` is 0 at run time.
fn two_as_rounded(a: vec2f, zero: u32) -> vec2f { return bitcast<vec2f>(bitcast<vec2u>(a) | vec2u(zero)); }
// The sums with all that was left out; beyond all numbers that is NaN, and the sums are what they are.
fn both(total: Sums) -> vec2f {
  let all = total.sum + total.rest;
  return select(all, total.sum, (bitcast<vec2u>(all) & vec2u(0x7fffffffu)) > vec2u(0x7f800000u));
}
