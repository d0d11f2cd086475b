// Counter-based random numbers: a pure function of (seed, run, element), the same on every adapter.

// PCG-RXS-M-XS (Jarzynski & Olano 2020, "Hash Functions for GPU Rendering")
fn pcg(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}
// in [0, 1), a multiple of 2⁻²⁴
fn random_uniform(seed: u32, run: u32, element: u32) -> f32 {
  return f32(pcg(element ^ pcg(run + pcg(seed))) >> 8u) * 5.9604644775390625e-8;
}
// Box-Muller: √(−2 ln u) cos 2πv, u in (0, 1]; the angle is kept in [−π, π), where cos is accurate
fn random_normal(seed: u32, run: u32, element: u32) -> f32 {
  let u = 1.0 - random_uniform(seed, run, element);
  let v = random_uniform(seed ^ 0x9e3779b9u, run, element) - 0.5;
  return sqrt(-2.0 * log(u)) * cos(6.2831855 * v);
}
