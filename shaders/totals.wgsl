// Sums over many tensors at once. A workgroup sums up f of one piece of one of them: `table` says where each piece begins in its
// buffer, how many elements it has, which of the buffers that is, and where its sum goes. Lanes take every WIDTH-th element, and
// their sums are added as a tree: bits depend on the pieces and on WIDTH, not on where the pieces lie.
//! const WIDTH = 16u, PIECES = 3u
//! binding read b0: array<f32, 100>
//! binding read table: array<vec4u, PIECES>
//! binding read_write sums: array<f32, PIECES>
//! part ranges = for (var k = lane; k < length; k += WIDTH) { sum += b0[at + k] * b0[at + k]; }
//! part store = sums[piece.w] = tree[0];
//! part table = let piece = table[group.x];
var<workgroup> tree: array<f32, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  //:prologue
  //:table
  let at = piece.x;
  let length = piece.y;
  let range = piece.z;
  var sum = 0.0;
  //:ranges
  tree[lane] = sum;
  workgroupBarrier();
  for (var reach = WIDTH / 2u; reach > 0u; reach /= 2u) {
    let other = tree[(lane + reach) % WIDTH];
    workgroupBarrier();
    tree[lane] += other;
    workgroupBarrier();
  }
  if (lane == 0u) {
    //:store
  }
}
