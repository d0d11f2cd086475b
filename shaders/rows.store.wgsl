// The last part of rows.wgsl: stores what has an element for each column.
//! inside rows.wgsl as body
//! binding read_write b1: array<vec4f, ROWS * BLOCKS>
//! part loads = let l0 = b0[row * BLOCKS + block]; var r0: vec4f;
//! part element = r0[part] = l0[part] + f32(column);
//! part stores = b1[row * BLOCKS + block] = r0;
{
  //:turns
  for (var at = along; at < blocks; at += TURNS * SIDE) {
    //:repeat turn TURNS
    {
      let block = at + ${turn}u * SIDE;
      //:loads
      //:repeat part PARTS
      {
        const part = ${part}u;
        let column = block * PARTS + part;
        //:element
      }
      //:end
      //:stores
    }
    //:end
  }
}
