// C = op(A) op(B): W a forward (A Bᵀ), Wᵀ δ backward (A B) and the weight gradient δ aᵀ summed over a batch (Aᵀ B).
// One invocation owns 4·ROW_TILES × 4·COLUMN_TILES outputs in registers and adds k in ascending order, so every tile
// shape gives the same bits. The LANES of a subgroup need the same rows of A: each reads LEFTS of their vectors and hands
// them to the others. finish applies the epilogue (bias, activation, ⊙ σ′) and stores.
//:vocabulary
//:declarations
//:loaders
// The epilogue of four neighbouring outputs of one row.
fn finish(batch: u32, m: u32, first: u32, value: vec4f) {
  if (m >= M || first >= N) { return; }
  //:loads
  //:repeat lane 4
  //:guard
  {
    let n = first + ${lane}u;
    let head = value[${lane}];
    //:prologue
    //:body
  }
  //:end
  //:stores
}
@compute @workgroup_size(GROUP_X, GROUP_Y)
fn main(
  @builtin(workgroup_id) group: vec3u,
  //:lane
) {
  let m0 = (group.y * GROUP_Y + lane / GROUP_X) * ROW_TILES * 4u;
  let n0 = (group.x * GROUP_X + lane % GROUP_X) * COLUMN_TILES * 4u;
  let batch = group.z;
  let zero = group.z >> 16u; // a count that drivers cannot know, so that they do not unroll the loops
  //:repeat I ROW_TILES
  //:repeat s 4
  //:repeat J COLUMN_TILES
  var c${I}${s}_${J} = vec4f();
  //:end
  //:end
  //:end
  for (var k = 0u; k < K + zero; k += DEPTH) {
    var left: array<vec4f, LEFTS>;
    //:repeat q LEFTS
    left[${q}] = load_a(batch, m0, k, ${q}u * LANES + lane % LANES);
    //:end
    //:repeat J COLUMN_TILES
    let right${J} = load_b(batch, k, n0 + 4u * ${J}u); // right[t] = B[k + t, n .. n + 3]
    //:end
    //:repeat t DEPTH
    //:repeat I ROW_TILES
    //:repeat s 4
    {
      //:element
      //:repeat J COLUMN_TILES
      c${I}${s}_${J} += element * right${J}[${t}];
      //:end
    }
    //:end
    //:end
    //:end
  }
  var rows: array<vec4f, 4 * ROW_TILES * COLUMN_TILES>;
  //:repeat I ROW_TILES
  //:repeat s 4
  //:repeat J COLUMN_TILES
  rows[(${I} * 4 + ${s}) * COLUMN_TILES + ${J}] = c${I}${s}_${J};
  //:end
  //:end
  //:end
  for (var r = 0u; r < 4u * ROW_TILES + zero; r++) {
    for (var j = 0u; j < COLUMN_TILES; j++) {
      finish(batch, m0 + r, n0 + 4u * j, rows[r * COLUMN_TILES + j]);
    }
  }
}
