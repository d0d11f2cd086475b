// The sum of LENGTH numbers by one workgroup: each of WIDTH lanes adds every WIDTH-th one, and their sums are added as a tree.
//! const LENGTH = 40u, WIDTH = 16u
//! binding read in0: array<f32, LENGTH>
//! binding read_write out0: array<f32, 1>
var<workgroup> tree: array<f32, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var k = lane; k < LENGTH; k += WIDTH) {
    sum += in0[k];
  }
  tree[lane] = sum;
  workgroupBarrier();
  for (var reach = WIDTH / 2u; reach > 0u; reach /= 2u) {
    let other = tree[(lane + reach) % WIDTH];
    workgroupBarrier();
    tree[lane] += other;
    workgroupBarrier();
  }
  if (lane == 0u) {
    out0[0] = tree[0];
  }
}
