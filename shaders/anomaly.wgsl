// 1 for NaN and ±∞, told by the exponent's bits: comparisons may assume that there are none.
fn not_finite(a: f32) -> f32 { return select(0.0, 1.0, (bitcast<u32>(a) & 0x7f800000u) == 0x7f800000u); }
