// The way back through layerNorm.wgsl, from u = ∂C/∂y. The first ROWS workgroups make a row of ∂C/∂x each, the others COLUMNS
// columns of ∂C/∂γ and ∂C/∂β. Each invocation's sums are compensated, then added in a tree.
// in0 = x [ROWS, LENGTH], in1 = γ, in2 = μ [ROWS], in3 = r [ROWS], in4 = u; out0 = ∂C/∂x, out1 = ∂C/∂γ, out2 = ∂C/∂β.
//! const ROWS = 7u, LENGTH = 100u, WIDTH = 32u
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
  if (place < ROWS) {
    make_row(place, lane, group.z);
  } else {
    make_columns((place - ROWS) * COLUMNS + lane % COLUMNS, lane, group.z);
  }
}

// ∂C/∂x = r (g − mean(g) − x̂ mean(g x̂)), with g = u γ and x̂ = (x − μ) r
fn make_row(row: u32, lane: u32, zero: u32) {
  let start = row * LENGTH;
  let mean = in2[row];
  let scale = in3[row];
  var sums = Sums();
  for (var i = lane; i < LENGTH; i += WIDTH) {
    let g = in4[start + i] * in1[i];
    sums = with_two(sums, vec2f(g, g * ((in0[start + i] - mean) * scale)), zero);
  }
  let means = total(both(sums), lane, 1u) / f32(LENGTH);
  for (var i = lane; i < LENGTH; i += WIDTH) {
    let g = in4[start + i] * in1[i];
    let normal = (in0[start + i] - mean) * scale;
    out0[start + i] = scale * (g - means.x - normal * means.y);
  }
}

// Columns that a workgroup sums side by side: 32 bytes of each row. Rows that an invocation reads at one time.
const COLUMNS = 8u;
const TOGETHER = 8u;

// ∂C/∂γ = Σ u x̂ and ∂C/∂β = Σ u over the rows, of which each invocation adds every WIDTH / COLUMNS-th
fn make_columns(column: u32, lane: u32, zero: u32) {
  const APART = u32(WIDTH) / COLUMNS;
  var sums = Sums();
  if (column < LENGTH) {
    for (var first = lane / COLUMNS; first < ROWS; first += TOGETHER * APART) {
      var values = array<vec2f, TOGETHER>();
      for (var i = 0u; i < TOGETHER; i++) {
        let row = min(first + i * APART, ROWS - 1u);
        let at = row * LENGTH + column;
        let value = vec2f(in4[at] * ((in0[at] - in2[row]) * in3[row]), in4[at]);
        values[i] = select(vec2f(), value, first + i * APART < ROWS);
      }
      for (var i = 0u; i < TOGETHER; i++) { sums = with_two(sums, values[i], zero); }
    }
  }
  let all = total(both(sums), lane, COLUMNS);
  if ((lane < COLUMNS) & (column < LENGTH)) {
    out1[column] = all.x;
    out2[column] = all.y;
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
