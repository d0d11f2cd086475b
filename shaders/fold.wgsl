// How a reduction combines two values. Functions of f32 also serve i32 and u32.
fn fold_sum(a: f32, b: f32) -> f32 { return a + b; }
// NaN wins, found by bits: comparisons may assume that there is none.
fn fold_max(a: f32, b: f32) -> f32 { return select(b, a, ((a >= b) | is_nan(a)) & !is_nan(b)); }
fn fold_min(a: f32, b: f32) -> f32 { return select(b, a, ((a <= b) | is_nan(a)) & !is_nan(b)); }
// Whether a takes the place of the best so far; of equal ones the first stays.
fn exceeds(a: f32, best: f32) -> bool { return ((a > best) | is_nan(a)) & !is_nan(best); }
fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }
