// The nearest number that f16 holds, ties to even, by the bits of f32: WGSL leaves to adapters how f16(x) and pack2x16float
// round, whether they keep what is below 2⁻¹⁴, and what they make of numbers beyond 65504.
fn round_half(a: f32) -> f32 {
  let bits = bitcast<u32>(a);
  let size = bits & 0x7fffffffu;
  // the last 13 of 23 bits of the fraction go
  let normal = (size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u;
  // below 2⁻¹⁴: whole multiples of 2⁻²⁴
  let small = bitcast<u32>(round(bitcast<f32>(size) * 0x1p24f) * 0x1p-24f);
  let rounded = select(normal, small, size < 0x38800000u);
  // from 65520 on, halfway from the largest to 2¹⁶, it is ∞; NaN stays
  let finite = select(rounded, 0x7f800000u, size >= 0x477ff000u);
  return bitcast<f32>((bits & 0x80000000u) | select(finite, size, size > 0x7f800000u));
}
