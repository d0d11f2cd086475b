// C = op(A) op(B): W a forward (A Bᵀ), Wᵀ δ backward (A B) and the weight gradient δ aᵀ summed over a batch (Aᵀ B).
// One invocation owns 4·ROW_TILES × 4·COLUMN_TILES outputs in registers and adds k in ascending order, so every tile
// shape gives the same bits. finish applies the epilogue (bias, activation, ⊙ σ′) and stores.
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
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m0 = id.y * ROW_TILES * 4u;
  let n0 = id.x * COLUMN_TILES * 4u;
  let batch = id.z;
  let zero = id.z >> 16u; // a count that drivers cannot know, so that they do not unroll the loops
  if (m0 >= M || n0 >= N) { return; }
  //:repeat I ROW_TILES
  //:repeat s 4
  //:repeat J COLUMN_TILES
  var c${I}${s}_${J} = vec4f();
  //:end
  //:end
  //:end
  for (var k = 0u; k < K + zero; k += DEPTH) {
    //:repeat I ROW_TILES
    let left${I} = load_a(batch, m0 + 4u * ${I}u, k); // left[t] = A[m .. m + 3, k + t]
    //:end
    //:repeat J COLUMN_TILES
    let right${J} = load_b(batch, k, n0 + 4u * ${J}u); // right[t] = B[k + t, n .. n + 3]
    //:end
    //:repeat t DEPTH
    //:repeat I ROW_TILES
    //:repeat s 4
    //:repeat J COLUMN_TILES
    c${I}${s}_${J} += left${I}[${t}][${s}] * right${J}[${t}];
    //:end
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
