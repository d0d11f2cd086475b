// Activations a = σ(z) and their derivatives σ′, one scalar a call. Backward: δ_z = δ_a ⊙ σ′(z).
// The derivatives of sigmoid, tanh and ReLU are read off the activation or off e⁻²|ᶻ|, so nothing is computed twice.

// 1 / (1 + e⁻ᶻ); e is in (0, 1], so neither side overflows
fn sigmoid(z: f32) -> f32 {
  let e = exponential(-abs(z));
  return select(e, 1.0, z >= 0.0) / (1.0 + e);
}
// σ′ = a (1 − a)
fn sigmoid_derivative(a: f32) -> f32 { return a * (1.0 - a); }

// tanh z = (1 − e) / (1 + e), e = e⁻²|ᶻ|; an odd series below 0.2, where that would cancel.
fn hyperbolic_tangent(z: f32) -> f32 {
  let e = exponential(-2.0 * abs(z));
  let size = (1.0 - e) / (1.0 + e);
  let s = z * z;
  let series = z + z * s * (-0.33333333 + s * (0.13333333 + s * (-0.05396825 + s * (0.02186949 - s * 0.00886324))));
  return select(select(-size, size, z > 0.0), series, abs(z) < 0.2);
}
// tanh′ z = 4e / (1 + e)²; 1 − a² would lose a third of its value near |z| = 8.
fn tanh_derivative(z: f32) -> f32 {
  let e = exponential(-2.0 * abs(z));
  return 4.0 * e / ((1.0 + e) * (1.0 + e));
}

// select keeps a NaN that max would hide.
fn relu(z: f32) -> f32 { return select(z, 0.0, z < 0.0); }
fn relu_derivative(a: f32) -> f32 { return select(0.0, 1.0, a > 0.0); }

fn leaky_relu(z: f32, slope: f32) -> f32 { return select(z, slope * z, z < 0.0); }

fn elu(z: f32, alpha: f32) -> f32 { return select(z, alpha * exp_minus_one(z), z < 0.0); }

// eˣ − 1 for x ≤ 0: a series near 0, where the difference would cancel.
fn exp_minus_one(x: f32) -> f32 {
  let series = x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666667 + x * (0.0083333333 + x * 0.0013888889)))));
  return select(exponential(x) - 1.0, series, abs(x) < 0.3);
}

// softplus z = max(z, 0) + ln(1 + e⁻|ᶻ|); softplus′ = sigmoid
fn softplus(z: f32) -> f32 {
  let e = exponential(-abs(z));
  let series = e * (1.0 - e * (0.5 - e * (0.33333333 - e * 0.25)));
  return relu(z) + select(logarithm_above_one(1.0 + e), series, e < 0.03);
}
// ln x for x ≥ 1
fn logarithm_above_one(x: f32) -> f32 { return select(log(x), x, is_nan(x)); }

// gelu z = z Φ(z), Φ the normal distribution; gelu′ = Φ(z) + z φ(z)
fn gelu(z: f32) -> f32 { return z * normal_cdf(z); }
fn gelu_derivative(z: f32) -> f32 { return normal_cdf(z) + z * 0.39894228 * exponential(-0.5 * z * z); }
fn normal_cdf(z: f32) -> f32 { return 0.5 * (1.0 + error_function(z * 0.70710678)); }

// erf: Maclaurin series to |x| = 1, then Abramowitz & Stegun 7.1.26 (absolute error 1.5e-7)
fn error_function(x: f32) -> f32 {
  let s = x * x;
  let series = x * 1.1283792 * (1.0 - s * (0.33333333 - s * (0.1 - s * (0.023809524 - s * (0.0046296296
    - s * (0.00075757576 - s * (0.00010683761 - s * (0.000013227513 - s * 0.0000014589169))))))));
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let size = 1.0 - poly * exponential(-s);
  return select(select(series, select(-size, size, x > 0.0), abs(x) > 1.0), x, is_nan(x));
}

// silu z = z σ(z), below 0 as h (z h / (1 + h²)) with h = e^(z/2): e^z alone is lost below −87.3, z e^z from −92 on.
fn silu(z: f32) -> f32 {
  let h = exponential(-0.5 * abs(z));
  let size = z / (1.0 + h * h);
  return select(size * h * h, size, z >= 0.0);
}
// silu′ z = σ (1 + z (1 − σ)), in the same halves
fn silu_derivative(z: f32) -> f32 {
  let h = exponential(-0.5 * abs(z));
  let share = 1.0 / (1.0 + h * h);
  let above = share * (1.0 + z * (h * h * share));
  return select((1.0 + z * share) * h * share * h, above, z >= 0.0);
}

// eᵃ; NaN is passed on by bits, because some adapters turn it into infinity.
fn exponential(a: f32) -> f32 { return select(exp(a), a, is_nan(a)); }
// NaN by bits: comparisons may assume that there is none.
fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }
