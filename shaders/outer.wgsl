// Outer product of one example, δW = δ aᵀ: element (i, j) is δᵢ aⱼ. Over a batch the sum of these is the matmul Δᵀ A.
// Backward: δ_δ = δW a and δ_a = δWᵀ δ, the sums of hadamard products along a row and a column.
fn outer_product(delta: f32, a: f32) -> f32 { return delta * a; }
