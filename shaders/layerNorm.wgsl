// Layer normalisation over rows x of LENGTH numbers: y = (x − μ) r γ + β, with μ = mean(x) and r = 1 / √(mean((x − μ)²) + ε).
// A workgroup of WIDTH invocations a row. Each adds every WIDTH-th number in ascending order, compensated, then their sums are
// added in a tree, so that bits depend on LENGTH and WIDTH alone.
// in0 = x [ROWS, LENGTH], in1 = γ, in2 = β; out0 = y, out1 = μ [ROWS], out2 = r [ROWS].
//! const ROWS = 7u, LENGTH = 100u, WIDTH = 32u
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
  let row = group.x + group.y * groups.x;
  if (row >= ROWS) { return; }
  let start = row * LENGTH;
  var sums = Sums();
  for (var i = lane; i < LENGTH; i += WIDTH) {
    sums = with_two(sums, vec2f(in0[start + i], 0.0), group.z);
  }
  let near = total(both(sums), lane, 1u).x / f32(LENGTH);
  // how far from the mean that is, and Σ(x − near)² = Σ(x − μ)² + LENGTH (μ − near)² (Chan, Golub and LeVeque 1983)
  sums = Sums();
  for (var i = lane; i < LENGTH; i += WIDTH) {
    let centred = in0[start + i] - near;
    sums = with_two(sums, vec2f(centred, centred * centred), group.z);
  }
  let means = total(both(sums), lane, 1u) / f32(LENGTH);
  let away = means.x;
  let variance = means.y - away * away;
  let scale = 1.0 / sqrt(select(variance, 0.0, variance < 0.0) + f32(EPSILON));
  for (var i = lane; i < LENGTH; i += WIDTH) {
    out0[start + i] = (in0[start + i] - near - away) * scale * in1[i] + in2[i];
  }
  if (lane == 0u) {
    out1[row] = near + away;
    out2[row] = scale;
  }
}

var<workgroup> tree: array<vec2f, WIDTH>;

// The sum over invocations of equal number modulo `step`: the tree halves their number until `step` are left.
fn total(value: vec2f, lane: u32, step: u32) -> vec2f {
  tree[lane] = value;
  workgroupBarrier();
  for (var half = u32(WIDTH) / 2u; half >= step; half /= 2u) {
    if (lane < half) { tree[lane] += tree[lane + half]; }
    workgroupBarrier();
  }
  let sum = tree[lane % step];
  workgroupBarrier();
  return sum;
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
