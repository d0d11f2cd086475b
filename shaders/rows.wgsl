// Row kernel: a workgroup folds LINES rows, with SIDE lanes for each. A lane takes every SIDE-th block of a row, which is one
// column or four neighbours, and a tree in workgroup memory folds what the lanes of a row have. Then every lane has the row's
// results, for the next stage of folds and for what is stored. Lanes are laid so that neighbours read neighbours in memory: those
// of one row (NEXT_COLUMN = 1), or of one column where rows are the fast axis (NEXT_ROW = 1).
//! const LANES = 128u, SIDE = 32u, LINES = 4u, NEXT_ROW = 32u, NEXT_COLUMN = 1u, WORDS = 1u
//! const ACROSS = 3u, ROWS = 12u, BLOCKS = 25u, PARTS = 4u, TURNS = 1u, CHUNK = 512u
//! binding read b0: array<vec4f, ROWS * BLOCKS>
//! binding read_write b1: array<f32, ROWS>
//! part body = if ((along == 0u) & (blocks > 0u)) {
//!   b1[row] = b0[row * BLOCKS].x;
//! }
// One number of each lane, or several: WORDS of them.
var<workgroup> tree: array<u32, WORDS * LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let zero = group.z; // 0, but compilers cannot know: WGSL refuses infinite constants
  let along = lane / NEXT_COLUMN % SIDE;
  let place = (group.x + group.y * ACROSS) * LINES + lane / NEXT_ROW % LINES;
  // lanes without a row take no blocks, but they take part in the barriers
  let row = min(place, ROWS - 1u);
  let blocks = select(0u, BLOCKS, place < ROWS);
  //:prologue
  //:body
}
