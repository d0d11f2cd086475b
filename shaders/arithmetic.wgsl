// Arithmetic, one scalar a call. Functions of f32 also serve i32 and u32: the compiler rewrites the type.

fn add(a: f32, b: f32) -> f32 { return a + b; }
fn subtract(a: f32, b: f32) -> f32 { return a - b; }
fn negate(a: f32) -> f32 { return -a; }
fn square(a: f32) -> f32 { return a * a; }
fn magnitude(a: f32) -> f32 { return abs(a); }
fn sine(a: f32) -> f32 { return sin(a); }
fn cosine(a: f32) -> f32 { return cos(a); }

// a / b; by a zero ±∞, or NaN of nothing, by bits: where compilers see the zero, some give 0.
fn divide(a: f32, b: f32) -> f32 {
  let sign = (bitcast<u32>(a) ^ bitcast<u32>(b)) & 0x80000000u;
  let special = bitcast<f32>(sign | select(0x7f800000u, 0x7fc00000u, is_zero(a) || is_nan(a)));
  return select(a / b, special, is_zero(b));
}

// √a; a negative argument gives NaN on every adapter.
fn square_root(a: f32) -> f32 { return sqrt(a); }

// eᵃ; NaN is passed on by bits, because some adapters turn it into infinity.
fn exponential(a: f32) -> f32 { return select(exp(a), a, is_nan(a)); }

// ln a; −∞ at 0 and NaN below, which some adapters get wrong.
fn logarithm(a: f32) -> f32 {
  let bits = bitcast<u32>(a);
  let zero = is_zero(a);
  let below = bits > 0x80000000u;
  let special = bitcast<f32>(select(0x7fc00000u | (bits & 1u), 0xff800000u | (bits & 0x7fffffffu), zero));
  return select(select(log(a), special, zero || below), a, is_nan(a));
}

// aᵇ, also for a < 0 with a whole b, which WGSL's pow does not promise.
fn power(a: f32, b: f32) -> f32 {
  let size = pow(abs(a), b);
  let whole = b == floor(b);
  let odd = whole && abs(b % 2.0) == 1.0;
  let nan = bitcast<f32>(0x7fc00000u | (bitcast<u32>(a) & 1u));
  let of_negative = select(nan, select(size, -size, odd), whole);
  let general = select(size, of_negative, a < 0.0);
  let pole = bitcast<f32>(0x7f800000u | select(0u, bitcast<u32>(a) & 0x80000000u, odd));
  let finite = select(general, pole, is_zero(a) && b < 0.0);
  let by_squaring = select(finite, a * a, b == 2.0);
  let known = select(by_squaring, a, b == 1.0);
  return select(select(known, nan, is_nan(a) || is_nan(b)), 1.0, is_zero(b));
}

// The larger; NaN of either side wins, compared by bits.
fn larger(a: f32, b: f32) -> f32 { return select(select(b, a, a > b), a + b, is_nan(a) || is_nan(b)); }
fn smaller(a: f32, b: f32) -> f32 { return select(select(b, a, a < b), a + b, is_nan(a) || is_nan(b)); }

// NaN by bits: comparisons may assume that there is none.
fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }
fn is_zero(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) == 0u; }
