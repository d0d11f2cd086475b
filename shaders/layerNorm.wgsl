// Layer normalisation over rows x of LENGTH numbers: y = (x − μ) r γ + β, with μ = mean(x) and r = 1 / √(mean((x − μ)²) + ε).
// A workgroup of WIDTH invocations a row. Each adds every WIDTH-th number in ascending order, then their sums are added in a
// tree, so that bits depend on LENGTH and WIDTH alone.
// Defaults: LENGTH = 100, ROWS = 7, WIDTH = 32, EPSILON = 0.00001.

/** Columns that a workgroup of `backward` sums side by side: 64 bytes of each row. */
const COLUMNS = 16u;

var<workgroup> tree: array<vec2f, WIDTH>;

// The sum over invocations of equal number modulo `step`: the tree halves their number until `step` are left.
fn total(value: vec2f, lane: u32, step: u32) -> vec2f {
  tree[lane] = value;
  workgroupBarrier();
  for (var half = u32(WIDTH) / 2u; half >= step; half /= 2u) {
    if (lane < half) {
      tree[lane] += tree[lane + half];
    }
    workgroupBarrier();
  }
  let sum = tree[lane % step];
  workgroupBarrier();
  return sum;
}

// in0 = x [ROWS, LENGTH], in1 = γ, in2 = β; out0 = y, out1 = μ [ROWS], out2 = r [ROWS].
@compute @workgroup_size(WIDTH)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= ROWS) {
    return;
  }
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
  let scale = 1.0 / sqrt(variance + EPSILON);
  for (var i = lane; i < LENGTH; i += WIDTH) {
    out0[start + i] = (in0[start + i] - mean) * scale * in1[i] + in2[i];
  }
  if (lane == 0u) {
    out1[row] = mean;
    out2[row] = scale;
  }
}

// in0 = x, in1 = γ, in2 = μ, in3 = r, in4 = u = ∂C/∂y; out0 = ∂C/∂x, out1 = ∂C/∂γ, out2 = ∂C/∂β. The first ROWS workgroups
// make a row of ∂C/∂x each, the others COLUMNS columns of ∂C/∂γ and ∂C/∂β.
@compute @workgroup_size(WIDTH)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = group.x + group.y * groups.x;
  if (place < ROWS) {
    backward_row(place, lane);
  } else {
    backward_columns(place - ROWS, lane);
  }
}

// ∂C/∂x = r (g − mean(g) − x̂ mean(g x̂)), with g = u γ and x̂ = (x − μ) r
fn backward_row(row: u32, lane: u32) {
  let start = row * LENGTH;
  let mean = in2[row];
  let scale = in3[row];
  var sums = vec2f();
  for (var i = lane; i < LENGTH; i += WIDTH) {
    let g = in4[start + i] * in1[i];
    sums += vec2f(g, g * ((in0[start + i] - mean) * scale));
  }
  let means = total(sums, lane, 1u) / f32(LENGTH);
  for (var i = lane; i < LENGTH; i += WIDTH) {
    let g = in4[start + i] * in1[i];
    let normal = (in0[start + i] - mean) * scale;
    out0[start + i] = scale * (g - means.x - normal * means.y);
  }
}

// ∂C/∂γ = Σ u x̂ and ∂C/∂β = Σ u over the rows
fn backward_columns(block: u32, lane: u32) {
  let column = block * COLUMNS + lane % COLUMNS;
  var sums = vec2f();
  if (column < LENGTH) {
    for (var row = lane / COLUMNS; row < ROWS; row += u32(WIDTH) / COLUMNS) {
      let at = row * LENGTH + column;
      sums += vec2f(in4[at] * ((in0[at] - in2[row]) * in3[row]), in4[at]);
    }
  }
  sums = total(sums, lane, COLUMNS);
  if (lane < COLUMNS && column < LENGTH) {
    out1[column] = sums.x;
    out2[column] = sums.y;
  }
}
