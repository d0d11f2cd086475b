// The end of a stage of rows.wgsl: what the lanes of a row have is folded in halves, so that all of them get the same.
//! inside rows.wgsl as body
//! part wait = workgroupBarrier();
//! part write = tree[lane] = row;
//! part join = tree[lane] += tree[other];
//! part read = b1[row] = f32(tree[first]);
{
  //:wait
  //:write
  workgroupBarrier();
  for (var half = SIDE / 2u; half > 0u; half /= 2u) {
    if (along < half) {
      let other = lane + half * NEXT_COLUMN;
      //:join
      //:write
    }
    workgroupBarrier();
  }
  let first = lane - along * NEXT_COLUMN;
  //:read
}
