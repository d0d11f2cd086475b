// sin x and cos x. x is reduced to a quadrant and an angle in whole numbers alone (after Payne & Hanek 1983), so that no
// compiler may reorder it; polynomials do the rest (Cephes, Moshier).

// The upper 32 bits of the 64 of a b.
fn high_product(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}

// x = quadrant π/2 + angle with |angle| ≤ π/4: the quadrant (mod 4) and the angle's bits. For |x| < 2²⁵: beyond, neighbouring
// numbers lie more than a turn apart.
// With |x| = m 2ᵉ⁻²³ and m whole, the binary digits of 2/π = 0.a2f9836e4e441529… before place e − 25 make multiples of 4 of m 2/π,
// so what follows them, times m, is |x| as a fraction of a turn: two bits for the quadrant, 62 for the rest of it.
fn reduce_angle(x: f32) -> vec2u {
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  let place = clamp(bits >> 23u, 120u, 151u) - 120u; // e + 7: 32 digits before the first are 0
  let first = 0x517cc1b7u >> (31u - place);
  let second = (0xa2f9836eu << place) | (0x27220a94u >> (31u - place));
  let turn = mantissa * first + high_product(mantissa, second);
  let quadrant = (turn + 0x20000000u) >> 30u; // the nearest
  let rest = turn - (quadrant << 30u);
  let sign = u32(i32(rest) >> 31u); // all ones below 0
  let upper = rest ^ sign;
  let zeros = min(countLeadingZeros(upper), 31u);
  let size = (upper << zeros) | (((mantissa * second) ^ sign) >> (32u - zeros));
  // size 2⁻³⁰⁻ᶻᵉʳᵒˢ quarters, times π/2 = 3373259426 · 2⁻³¹
  let angle = f32(high_product(size, 3373259426u)) * bitcast<f32>((98u - zeros) << 23u);
  let signs = (sign ^ bitcast<u32>(x)) & 0x80000000u;
  let reduced = vec2u(select(quadrant, 0u - quadrant, x < 0.0), bitcast<u32>(angle) | signs);
  return select(reduced, vec2u(0u, bitcast<u32>(x)), abs(x) < 0.7853982);
}

// sin (angle + quadrant π/2)
fn sine_of(quadrant: u32, angle: f32) -> f32 {
  let s = angle * angle;
  let odd = angle + angle * s * (-0.16666654611 + s * (0.0083321608736 - s * 0.00019515295891));
  let even = 1.0 - 0.5 * s + s * s * (0.04166664568 + s * (-0.001388731625 + s * 0.00002443315712));
  let size = select(odd, even, (quadrant & 1u) == 1u);
  return select(size, -size, (quadrant & 2u) == 2u);
}

fn sine(x: f32) -> f32 {
  let reduced = reduce_angle(x);
  return unless_infinite(x, sine_of(reduced.x, bitcast<f32>(reduced.y)));
}
fn cosine(x: f32) -> f32 {
  let reduced = reduce_angle(x);
  return unless_infinite(x, sine_of(reduced.x + 1u, bitcast<f32>(reduced.y)));
}

// NaN of an infinity and of NaN.
fn unless_infinite(x: f32, value: f32) -> f32 {
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  return select(value, bitcast<f32>(0x7fc00000u | (bits & 1u)), bits >= 0x7f800000u);
}
