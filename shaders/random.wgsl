// Counter-based random numbers: a pure function of a key and a counter, the same on every adapter.
// What keys and counters hold is written in src/core/randomBits.ts.

// A round: the sum, and the second word rotated by so many bits and mixed with it.
fn threefry_round(x: vec2u, bits: u32) -> vec2u {
  let sum = x.x + x.y;
  return vec2u(sum, sum ^ ((x.y << bits) | (x.y >> (32u - bits))));
}
fn threefry_even_rounds(x: vec2u) -> vec2u {
  return threefry_round(threefry_round(threefry_round(threefry_round(x, 13u), 15u), 26u), 6u);
}
fn threefry_odd_rounds(x: vec2u) -> vec2u {
  return threefry_round(threefry_round(threefry_round(threefry_round(x, 17u), 29u), 16u), 24u);
}
// Threefry-2x32 of 20 rounds (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3"): two words of 32 bits.
// Every four rounds a part of the key (k₀, k₁, k₂ = k₀ ⊕ k₁ ⊕ constant) and the number of the part are added.
fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let third = key.x ^ key.y ^ 0x1bd11bdau;
  let after4 = threefry_even_rounds(counter + key) + vec2u(key.y, third + 1u);
  let after8 = threefry_odd_rounds(after4) + vec2u(third, key.x + 2u);
  let after12 = threefry_even_rounds(after8) + vec2u(key.x, key.y + 3u);
  let after16 = threefry_odd_rounds(after12) + vec2u(key.y, third + 4u);
  return threefry_even_rounds(after16) + vec2u(third, key.x + 5u);
}

// In [0, 1), a multiple of 2⁻²⁴.
fn random_uniform(key: vec2u, counter: vec2u) -> f32 {
  return f32(threefry(key, counter).x >> 8u) * 5.9604644775390625e-8;
}

// Box-Muller: √(−2 ln u) cos 2πv, u in (0, 1] and v in [0, 1), multiples of 2⁻²⁴.
fn random_normal(key: vec2u, counter: vec2u) -> f32 {
  let words = threefry(key, counter) >> vec2u(8u);
  let u = f32(16777216u - words.x) * 5.9604644775390625e-8;
  return near_root(2.0 * minus_log(u)) * cosine_of_turn(words.y);
}

// −ln u for u in (0, 1], within 2⁻²³ of the result also near u = 1, where WGSL's log may be off by 2⁻²¹.
// u = 2ᵉ (1 + x), √½ ≤ 1 + x < √2; ln(1 + x) = x − x²/2 + x³ P(x), P from Cephes' logf; ln 2 in two parts, the first exact times e.
fn minus_log(u: f32) -> f32 {
  let bits = bitcast<i32>(u);
  let exponent = (bits - 0x3f3504f3) >> 23u; // of √½
  let x = bitcast<f32>(bits - (exponent << 23u)) - 1.0;
  let high = 0.11676998740 + x * (-0.11514610310 + x * 0.070376836292);
  let middle = 0.20000714765 + x * (-0.16668057665 + x * (0.14249322787 + x * (-0.12420140846 + x * high)));
  let p = 0.33333331174 + x * (-0.24999993993 + x * middle);
  let halvings = f32(-exponent);
  let tail = x * (x * x) * p + 2.12194440e-4 * halvings - 0.5 * (x * x);
  return 0.693359375 * halvings - (x + tail);
}

// √a for a ≥ 0: a step of Newton's method, because WGSL allows its sqrt an error of 4 units in the last place.
fn near_root(a: f32) -> f32 {
  let root = sqrt(a);
  return root - (root * root - a) / max(2.0 * root, 1e-20);
}

// cos 2πv for v = turn · 2⁻²⁴: v = q/4 + r, |r| ≤ ⅛, all without rounding; then cos 2πr or sin 2πr as minimax polynomials.
fn cosine_of_turn(turn: u32) -> f32 {
  let q = (turn + 0x200000u) >> 22u;
  let r = f32(i32(turn) - i32(q << 22u)) * 5.9604644775390625e-8;
  let s = r * r;
  let sine = r * (6.2831855 + s * (-41.341663 + s * (81.592354 - s * 75.39356)));
  let cosine = 1.0 + s * (-19.739208 + s * (64.93933 + s * (-85.44395 + s * 59.25234)));
  let size = select(cosine, sine, (q & 1u) == 1u);
  return select(size, -size, ((q + 1u) & 2u) == 2u); // cos, −sin, −cos, sin
}
