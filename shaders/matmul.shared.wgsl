// A workgroup copies DEPTH steps of k of its rows of A and columns of B into its memory, in blocks of 4 × 4, and all of its
// invocations compute from there. Quads of rows and columns of one invocation lie GROUP_Y and GROUP_X quads apart.
let m0 = group.y * QUADS_A * 4u + 4u * y;
let n0 = group.x * QUADS_B * 4u + 4u * x;
for (var k0 = 0u; k0 < K + zero; k0 += DEPTH) {
  for (var i = lane; i < QUADS_A * DEPTH / 4u; i += GROUP_X * GROUP_Y) {
    let block = block_a(batch, k0 + i / QUADS_A * 4u, (group.y * QUADS_A + i % QUADS_A) * 4u);
    //:repeat t 4
    tile_a[(i / QUADS_A * 4u + ${t}u) * QUADS_A + i % QUADS_A] = block[${t}];
    //:end
  }
  for (var i = lane; i < QUADS_B * DEPTH / 4u; i += GROUP_X * GROUP_Y) {
    let block = block_b(batch, k0 + i / QUADS_B * 4u, (group.x * QUADS_B + i % QUADS_B) * 4u);
    //:repeat t 4
    tile_b[(i / QUADS_B * 4u + ${t}u) * QUADS_B + i % QUADS_B] = block[${t}];
    //:end
  }
  workgroupBarrier();
  for (var k = 0u; k < DEPTH + zero; k++) {
    //:repeat J COLUMN_TILES
    let right${J} = tile_b[k * QUADS_B + x + ${J}u * GROUP_X];
    //:end
    //:repeat I ROW_TILES
    let left${I} = tile_a[k * QUADS_A + y + ${I}u * GROUP_Y];
    //:repeat s 4
    //:repeat J COLUMN_TILES
    c${I}${s}_${J} += left${I}[${s}] * right${J};
    //:end
    //:end
    //:end
  }
  workgroupBarrier();
}
