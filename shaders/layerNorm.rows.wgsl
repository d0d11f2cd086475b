// layerNorm.wgsl with an invocation a row, for adapters whose invocations are lanes of a processor, where barriers cost more
// than they save. Each sum is of four that are compensated (see fold.wgsl), each of every fourth number in ascending order.
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
  var total = Sum();
  for (var i = 0u; i < LENGTH; i += 4u) {
    total = with_four(total, less_by(0.0, start, i), group.z);
  }
  let near = whole(total) / f32(LENGTH);
  // how far from the mean that is, and Σ(x − near)² = Σ(x − μ)² + LENGTH (μ − near)² (Chan, Golub and LeVeque 1983)
  var shift = Sum();
  var squares = Sum();
  for (var i = 0u; i < LENGTH; i += 4u) {
    let centred = less_by(near, start, i);
    shift = with_four(shift, centred, group.z);
    squares = with_four(squares, centred * centred, group.z);
  }
  let away = whole(shift) / f32(LENGTH);
  let variance = whole(squares) / f32(LENGTH) - away * away;
  let scale = 1.0 / sqrt(select(variance, 0.0, variance < 0.0) + f32(EPSILON));
  for (var i = 0u; i < LENGTH; i++) {
    out0[start + i] = (in0[start + i] - near - away) * scale * in1[i] + in2[i];
  }
  out1[row] = near + away;
  out2[row] = scale;
}

// Four numbers of a row less `by`, with zeros behind its end.
fn less_by(by: f32, start: u32, i: u32) -> vec4f {
  let place = vec4u(i, i + 1u, i + 2u, i + 3u);
  let at = start + min(place, vec4u(LENGTH - 1u));
  let numbers = vec4f(in0[at.x], in0[at.y], in0[at.z], in0[at.w]);
  return select(vec4f(), numbers - by, place < vec4u(LENGTH));
}

// Four sums, each with what rounding left out of it.
struct Sum { sum: vec4f, rest: vec4f }

fn with_four(total: Sum, value: vec4f, zero: u32) -> Sum {
  let sum = four_as_rounded(total.sum + value, zero);
  return Sum(sum, total.rest + (value - four_as_rounded(sum - total.sum, zero)));
}
// Numbers that compilers must take as they come: `zero` is 0 at run time.
fn four_as_rounded(a: vec4f, zero: u32) -> vec4f { return bitcast<vec4f>(bitcast<vec4u>(a) | vec4u(zero)); }

fn whole(total: Sum) -> f32 {
  let sums = total.sum;
  let rests = total.rest;
  let sum = (sums.x + sums.y) + (sums.z + sums.w);
  return with_rest(sum, (rests.x + rests.y) + (rests.z + rests.w));
}
// A sum with all that was left out; beyond all numbers that is NaN, and the sum is what it is.
fn with_rest(sum: f32, rest: f32) -> f32 { return select(sum + rest, sum, is_nan(sum + rest)); }
fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }
