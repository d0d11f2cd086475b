// Arithmetic, one scalar a call. Functions of f32 also serve i32 and u32: the compiler rewrites the type.

fn add(a: f32, b: f32) -> f32 { return a + b; }
fn subtract(a: f32, b: f32) -> f32 { return a - b; }
fn divide(a: f32, b: f32) -> f32 { return a / b; }
fn negate(a: f32) -> f32 { return -a; }
fn square(a: f32) -> f32 { return a * a; }
fn magnitude(a: f32) -> f32 { return abs(a); }
fn sine(a: f32) -> f32 { return sin(a); }
fn cosine(a: f32) -> f32 { return cos(a); }

// √a; a negative argument gives NaN on every adapter.
fn square_root(a: f32) -> f32 { return sqrt(a); }

// eᵃ; NaN is passed on by bits, because some adapters turn it into infinity.
fn exponential(a: f32) -> f32 { return select(exp(a), a, is_nan(a)); }

// ln a; −∞ at 0 and NaN below, which some adapters get wrong.
fn logarithm(a: f32) -> f32 {
  let bits = bitcast<u32>(a);
  let zero = (bits & 0x7fffffffu) == 0u;
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
  let by_squaring = select(general, a * a, b == 2.0);
  return select(select(by_squaring, a, b == 1.0), 1.0, b == 0.0);
}

// The larger; NaN of either side wins, compared by bits.
fn larger(a: f32, b: f32) -> f32 { return select(select(b, a, a > b), a + b, is_nan(a) || is_nan(b)); }
fn smaller(a: f32, b: f32) -> f32 { return select(select(b, a, a < b), a + b, is_nan(a) || is_nan(b)); }

// NaN by bits: comparisons may assume that there is none.
fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }
