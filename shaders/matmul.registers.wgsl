// The LANES of a subgroup need the same rows of A: each reads LEFTS of their vectors and hands them to the others.
let m0 = (group.y * GROUP_Y + y) * ROW_TILES * 4u;
let n0 = (group.x * GROUP_X + x) * COLUMN_TILES * 4u;
for (var k = 0u; k < K + zero; k += DEPTH) {
  var left: array<vec4f, LEFTS>;
  //:repeat q LEFTS
  left[${q}] = load_a(batch, m0, k, ${q}u * LANES + lane % LANES);
  //:end
  //:repeat J COLUMN_TILES
  let right${J} = block_b(batch, k, n0 + 4u * ${J}u); // right[t] = B[k + t, n .. n + 3]
  //:end
  //:repeat t DEPTH
  //:repeat I ROW_TILES
  //:repeat s 4
  {
    const row = 4u * ${I}u + ${s}u;
    const step = ${t}u;
    //:element
    //:repeat J COLUMN_TILES
    c${I}${s}_${J} += element * right${J}[${t}];
    //:end
  }
  //:end
  //:end
  //:end
}
