// Comparisons and selection; functions of f32 also serve i32 and u32.

fn is_equal(a: f32, b: f32) -> bool { return a == b; }
// NaN differs from all, itself too: != alone may say no of it.
fn is_unequal(a: f32, b: f32) -> bool { return !(a == b); }
fn is_less(a: f32, b: f32) -> bool { return a < b; }
fn is_at_most(a: f32, b: f32) -> bool { return a <= b; }
fn is_greater(a: f32, b: f32) -> bool { return a > b; }
fn is_at_least(a: f32, b: f32) -> bool { return a >= b; }
fn choose(condition: bool, a: f32, b: f32) -> f32 { return select(b, a, condition); }
// 1 for NaN and ±∞, told by the exponent's bits: comparisons may assume that there are none.
fn not_finite(a: f32) -> f32 { return select(0.0, 1.0, (bitcast<u32>(a) & 0x7f800000u) == 0x7f800000u); }
