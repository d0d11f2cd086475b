// The optimizers' arithmetic, one parameter a call. One kernel applies it to all parameters of a model.

// An average that forgets: m ← β m + (1 − β) g. 1 − β comes rounded by itself: in f32 the difference would lose digits.
fn moving_average(keep: f32, old: f32, take: f32, next: f32) -> f32 { return keep * old + take * next; }

// p ← p − rate · direction
fn descend(p: f32, rate: f32, direction: f32) -> f32 { return p - rate * direction; }
