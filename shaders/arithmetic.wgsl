// Arithmetic, one scalar a call. Functions of f32 also serve i32 and u32: the compiler rewrites the type.

fn add(a: f32, b: f32) -> f32 { return a + b; }
fn subtract(a: f32, b: f32) -> f32 { return a - b; }
fn negate(a: f32) -> f32 { return -a; }
fn square(a: f32) -> f32 { return a * a; }
fn magnitude(a: f32) -> f32 { return abs(a); }
// a / b; by a zero ±∞, or NaN of nothing, by bits: where compilers see the zero, some give 0.
fn divide(a: f32, b: f32) -> f32 {
  let sign = (bitcast<u32>(a) ^ bitcast<u32>(b)) & 0x80000000u;
  let special = bitcast<f32>(sign | select(0x7f800000u, 0x7fc00000u, is_zero(a) | is_nan(a)));
  return select(a / b, special, is_zero(b));
}

// √a; a negative argument gives NaN on every adapter.
fn square_root(a: f32) -> f32 { return sqrt(a); }

// eᵃ; NaN is passed on by bits, because some adapters turn it into infinity.
fn exponential(a: f32) -> f32 { return select(exp(a), a, is_nan(a)); }

// ln a; −∞ at 0 and NaN below, which some adapters get wrong. A subnormal number is a whole number of 2⁻¹⁴⁹.
fn logarithm(a: f32) -> f32 {
  let bits = bitcast<u32>(a);
  let is_small = bits < 0x00800000u;
  let scaled = log(select(a, f32(bits), is_small)) - select(0.0, 103.27893, is_small); // 149 ln 2
  let special = bitcast<f32>(select(0x7fc00000u | (bits & 1u), 0xff800000u | (bits & 0x7fffffffu), is_zero(a)));
  return select(select(scaled, special, is_zero(a) | (bits > 0x80000000u)), a, is_nan(a));
}

// aᵇ by C99's table: also for a < 0 with a whole b, at zeros and at infinities, which WGSL's pow does not promise.
fn power(a: f32, b: f32) -> f32 {
  let bits = bitcast<u32>(a);
  let size = abs(a);
  let is_whole = b == floor(b);
  let is_odd = is_whole & (abs(b) < 16777216.0) & (fract(0.5 * abs(b)) != 0.0); // from 2²⁴ on all are even
  // a zero or infinite base or exponent gives 0 or ∞
  let is_limit = is_zero(a) | is_infinite(a) | is_infinite(b);
  let limit = bitcast<f32>(select(0u, 0x7f800000u, (size > 1.0) == (b > 0.0)) | (bits & 0u));
  let general = select(select(pow(size, b), limit, is_limit), 1.0, size == 1.0);
  let is_negative = bits > 0x80000000u; // below −0
  let nan = bitcast<f32>(0x7fc00000u | (bits & 1u));
  let signed = bitcast<f32>(bitcast<u32>(general) | select(0u, bits & 0x80000000u, is_odd));
  let finite = select(signed, nan, is_negative & !is_whole & !is_limit);
  let known = select(select(finite, a * a, b == 2.0), a, b == 1.0);
  let is_one = is_zero(b) | (a == 1.0);
  return select(select(known, nan, is_nan(a) | is_nan(b)), 1.0, is_one);
}

// The larger; NaN of either side wins, compared by bits.
fn larger(a: f32, b: f32) -> f32 { return select(select(b, a, a > b), a + b, is_nan(a) | is_nan(b)); }
fn smaller(a: f32, b: f32) -> f32 { return select(select(b, a, a < b), a + b, is_nan(a) | is_nan(b)); }

// NaN by bits: comparisons may assume that there is none.
fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }
fn is_zero(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) == 0u; }
fn is_infinite(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) == 0x7f800000u; }
