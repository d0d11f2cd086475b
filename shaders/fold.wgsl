// How a reduction combines two values. Functions of f32 also serve i32 and u32.
fn fold_sum(a: f32, b: f32) -> f32 { return a + b; }
// A number that compilers must take as it comes, so that they do not take x − x for 0: `zero` is 0 at run time.
fn as_rounded(a: f32, zero: u32) -> f32 { return bitcast<f32>(bitcast<u32>(a) | zero); }
// What rounding left out of sum = total + value (Kahan 1965, in the form of Babuška 1969: all of it is added at the end)
fn left_out(total: f32, value: f32, sum: f32, zero: u32) -> f32 { return value - as_rounded(sum - total, zero); }
// A sum with all that was left out; beyond all numbers that is NaN, and the sum is what it is.
fn with_rest(sum: f32, rest: f32) -> f32 { return select(sum + rest, sum, is_nan(sum + rest)); }
// NaN wins, found by bits: comparisons may assume that there is none.
fn fold_max(a: f32, b: f32) -> f32 { return select(b, a, ((a >= b) | is_nan(a)) & !is_nan(b)); }
fn fold_min(a: f32, b: f32) -> f32 { return select(b, a, ((a <= b) | is_nan(a)) & !is_nan(b)); }
// Whether a takes the place of the best so far; of equal ones the first stays.
fn exceeds(a: f32, best: f32) -> bool { return ((a > best) | is_nan(a)) & !is_nan(best); }
fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }
