// Layer normalisation over rows x of LENGTH numbers: y = (x − μ) r γ + β, with μ = mean(x) and r = 1 / √(mean((x − μ)²) + ε).
// A workgroup of WIDTH invocations a row. Each adds every WIDTH-th number in ascending order, then their sums are added in a
// tree, so that bits depend on LENGTH and WIDTH alone.
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
  var sum = 0.0;
  for (var i = lane; i < LENGTH; i += WIDTH) {
    sum += in0[start + i];
  }
  let mean = total(vec2f(sum, 0.0), lane, 1u).x / f32(LENGTH);
  var squares = 0.0;
  for (var i = lane; i < LENGTH; i += WIDTH) {
    let centred = in0[start + i] - mean;
    squares += centred * centred;
  }
  let variance = total(vec2f(squares, 0.0), lane, 1u).x / f32(LENGTH);
  let scale = 1.0 / sqrt(variance + f32(EPSILON));
  for (var i = lane; i < LENGTH; i += WIDTH) {
    out0[start + i] = (in0[start + i] - mean) * scale * in1[i] + in2[i];
  }
  if (lane == 0u) {
    out1[row] = mean;
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
