// A stage of rows.wgsl: folds of all columns that need nothing of one another. A lane folds the PARTS columns of its blocks apart,
// TURNS blocks in flight, and after each CHUNK of columns joins them to its totals: long sums stay short chains.
//! inside rows.wgsl as body
//! part block = let block = next;
//! part totals = var h0 = 0.0;
//! part starts = var p0 = array<f32, 4>();
//! part loads = let l0 = b0[row * BLOCKS + block];
//! part element = p0[part] += l0[part];
//! part joins = h0 += (p0[0] + p0[1]) + (p0[2] + p0[3]);
//! part tree = b1[row] = h0;
//:totals
for (var start = along; start < blocks; start += CHUNK) {
  //:starts
  let end = min(start + CHUNK, blocks);
  //:turns
  for (var at = start; at < end; at += TURNS * SIDE) {
    //:repeat turn TURNS
    {
      let next = at + ${turn}u * SIDE;
      //:block
      //:loads
      //:repeat part PARTS
      {
        const part = ${part}u;
        let column = block * PARTS + part;
        //:element
      }
      //:end
    }
    //:end
  }
  //:joins
}
//:tree
