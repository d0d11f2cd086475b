// A subgroup, which is a workgroup, has its matrix unit compute DOWN × ACROSS matrices of MATRIX_M × MATRIX_N outputs. They
// go through workgroup memory to the invocations, whose quads of rows and columns lie GROUP_Y and GROUP_X quads apart.
let m0 = group.y * QUADS_A * 4u + 4u * y;
let n0 = group.x * QUADS_B * 4u + 4u * x;
//:repeat I DOWN
//:repeat J ACROSS
var sum${I}_${J}: Result;
//:end
//:end
for (var k = 0u; k < K + zero; k += MATRIX_K) {
  //:repeat J ACROSS
  let right${J} = matrix_b(batch, k, group.x * QUADS_B * 4u + ${J}u * MATRIX_N);
  //:end
  //:repeat I DOWN
  let left${I} = matrix_a(batch, k, group.y * QUADS_A * 4u + ${I}u * MATRIX_M);
  //:repeat J ACROSS
  sum${I}_${J} = subgroupMatrixMultiplyAccumulate(left${I}, right${J}, sum${I}_${J});
  //:end
  //:end
}
//:repeat I DOWN
//:repeat J ACROSS
subgroupMatrixStore<row_major>(&tile, ${I}u * MATRIX_M * QUADS_B * 4u + ${J}u * MATRIX_N, sum${I}_${J}, QUADS_B * 4u);
//:end
//:end
workgroupBarrier();
//:repeat I ROW_TILES
//:repeat s 4
//:repeat J COLUMN_TILES
{
  let at = ((y + ${I}u * GROUP_Y) * 4u + ${s}u) * QUADS_B * 4u + (x + ${J}u * GROUP_X) * 4u;
  c${I}${s}_${J} = vec4f(tile[at], tile[at + 1u], tile[at + 2u], tile[at + 3u]);
}
//:end
//:end
//:end
