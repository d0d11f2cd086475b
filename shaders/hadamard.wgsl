// Hadamard (elementwise) product a ⊙ b.
// Backward: δa = δ ⊙ b, δb = δ ⊙ a, so the same function serves both ways; δ ⊙ σ′(z) is hadamard(dOut, sigmoid_derivative(a)).
fn hadamard(a: f32, b: f32) -> f32 { return a * b; }
