// Softmax and cross-entropy of one row of logits z, with peak = max z and total = Σ e^(z − peak).
// The compiler keeps peak and total of a row in registers and writes all that reads them in one pass.

// e^(z − peak): at most 1, so nothing overflows
fn shifted_exp(z: f32, peak: f32) -> f32 { return exponential(z - peak); }

// pᵢ = e^(zᵢ − peak) / total
fn softmax(z: f32, peak: f32, total: f32) -> f32 { return exponential(z - peak) / total; }

// Cross-entropy C = −Σ t ln p is written in arithmetic. Backward: ∂C/∂z = (p − t) ⊙ δ_C, for targets t that sum to 1
fn cross_entropy_backward(p: f32, target_share: f32, dOut: f32) -> f32 { return (p - target_share) * dOut; }

// Softmax backward: δ_z = (δ_p − Σ p δ_p) ⊙ p
fn softmax_backward(dOut: f32, inner: f32, p: f32) -> f32 { return (dOut - inner) * p; }

// eᵃ; NaN is passed on by bits, because some adapters turn it into infinity.
fn exponential(a: f32) -> f32 { return select(exp(a), a, is_nan(a)); }
fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }
