// sin x and cos x: x is reduced to a quadrant and an angle, after Cody & Waite 1980; polynomials do the rest (Cephes, Moshier).

// The same number, of which a compiler does not know where it comes from: `zero` is 0 when the kernel runs. Sums are not
// reordered across it, as WGSL allows.
fn opaque(a: f32, zero: u32) -> f32 { return bitcast<f32>(bitcast<u32>(a) ^ zero); }

// |x| = k π/2 + angle + rest: k, and the bits of angle and rest; all 0 from 2²² on, where an angle has one digit at most.
// π/2 comes in parts of 8 bits, so that k times one of them is exact for k < 2¹⁶, and so are the first two differences. What
// later ones round is in the rest.
fn reduce_angle(x: f32) -> vec3u {
  let size = abs(x);
  let k = floor(size * 0.63661977 + 0.5);
  let turns = u32(k);
  let zero = turns >> 24u;
  let first = opaque(size - k * 1.5703125, zero); // 201 · 2⁻⁷
  let second = opaque(first - k * 0.0004825592041015625, zero); // 253 · 2⁻¹⁹
  let part = k * 0.00000126659870147705078125; // 170 · 2⁻²⁷
  let third = opaque(second - part, zero);
  let tail = ((second - third) - part) - k * 9.920936e-10;
  let angle = opaque(third + tail, zero);
  let rest = (third - angle) + tail;
  return select(vec3u(0u), vec3u(turns, bitcast<u32>(angle), bitcast<u32>(rest)), size < 4194304.0);
}

// sin (angle + rest + quadrant π/2), |angle| ≤ π/4
fn sine_of(quadrant: u32, angle: f32, rest: f32) -> f32 {
  let s = angle * angle;
  let odd = angle + (angle * s * (-0.16666654611 + s * (0.0083321608736 - s * 0.00019515295891)) + rest);
  let even = 1.0 - 0.5 * s + s * s * (0.04166664568 + s * (-0.001388731625 + s * 0.00002443315712));
  let size = select(odd, even, (quadrant & 1u) == 1u);
  return select(size, -size, (quadrant & 2u) == 2u);
}

fn sine(x: f32) -> f32 {
  let reduced = reduce_angle(x);
  let size = sine_of(reduced.x, bitcast<f32>(reduced.y), bitcast<f32>(reduced.z));
  return unless_infinite(x, select(size, -size, x < 0.0));
}
fn cosine(x: f32) -> f32 {
  let reduced = reduce_angle(x);
  return unless_infinite(x, sine_of(reduced.x + 1u, bitcast<f32>(reduced.y), bitcast<f32>(reduced.z)));
}

// NaN of an infinity and of NaN.
fn unless_infinite(x: f32, value: f32) -> f32 {
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  return select(value, bitcast<f32>(0x7fc00000u | (bits & 1u)), bits >= 0x7f800000u);
}
