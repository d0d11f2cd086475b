// How a reduction combines two values. Functions of f32 also serve i32 and u32.
fn fold_sum(a: f32, b: f32) -> f32 { return a + b; }
// NaN wins: a value that is no number fails the comparison that would keep the other.
fn fold_max(a: f32, b: f32) -> f32 { return select(b, a, a >= b || a != a); }
fn fold_min(a: f32, b: f32) -> f32 { return select(b, a, a <= b || a != a); }
