// The sums of SLICES slices become those of the first: in turns the upper half is handed to the lower, which adds it.
// They go through the memory that held operands, if any did, in lines of LINE vec4s.
//! inside matmul.wgsl as tree
//! const SLICES = 2u, INVOCATIONS = 64u, LINE = 32u
//! declare var<workgroup> memory: array<array<array<vec4f, LINE>, 4>, ROW_TILES * COLUMN_TILES>;
for (var half = SLICES / 2u; half > 0u; half /= 2u) {
  let place = (slice % half * GROUP_Y + y) * GROUP_X + x;
  if ((slice >= half) & (slice < 2u * half)) {
    //:repeat I ROW_TILES
    //:repeat s ROWS
    //:repeat J COLUMN_TILES
    {
      let at = ((${I}u * ROWS + ${s}u) * COLUMN_TILES + ${J}u) * INVOCATIONS / 2u + place;
      memory[at / LINE / 4u][at / LINE % 4u][at % LINE] = c${I}${s}_${J};
    }
    //:end
    //:end
    //:end
  }
  workgroupBarrier();
  if (slice < half) {
    //:repeat I ROW_TILES
    //:repeat s ROWS
    //:repeat J COLUMN_TILES
    {
      let at = ((${I}u * ROWS + ${s}u) * COLUMN_TILES + ${J}u) * INVOCATIONS / 2u + place;
      c${I}${s}_${J} += memory[at / LINE / 4u][at / LINE % 4u][at % LINE];
    }
    //:end
    //:end
    //:end
  }
  workgroupBarrier();
}
if (slice > 0u) { return; }
