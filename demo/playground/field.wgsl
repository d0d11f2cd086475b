// Draws the network's answers over the plane, straight from the buffer in which the engine left them.

struct Look {
  low: vec4f,    // the colour of class 0
  middle: vec4f, // where the network is undecided
  high: vec4f,   // the colour of class 1
  side: vec4f,   // x: answers along a side of the grid
}

@group(0) @binding(0) var<storage, read> logits: array<f32>; // [side, side], row 0 at the bottom
@group(0) @binding(1) var<uniform> look: Look;

struct Pixel {
  @builtin(position) position: vec4f,
  @location(0) place: vec2f, // in [0, 1]², upwards
}

@vertex
fn cover(@builtin(vertex_index) corner: u32) -> Pixel {
  let at = vec2f(f32((corner << 1u) & 2u), f32(corner & 2u)); // one triangle over all
  return Pixel(vec4f(at * 2 - 1, 0, 1), at);
}

fn logit_at(cell: vec2i) -> f32 {
  let last = i32(look.side.x) - 1;
  let inside = clamp(cell, vec2i(0), vec2i(last));
  return logits[inside.y * (last + 1) + inside.x];
}

// Bilinear between the four answers around a place.
fn logit(place: vec2f) -> f32 {
  let at = place * look.side.x - 0.5;
  let cell = vec2i(floor(at));
  let part = fract(at);
  let below = mix(logit_at(cell), logit_at(cell + vec2i(1, 0)), part.x);
  let above = mix(logit_at(cell + vec2i(0, 1)), logit_at(cell + vec2i(1, 1)), part.x);
  return mix(below, above, part.y);
}

@fragment
fn shade(pixel: Pixel) -> @location(0) vec4f {
  let z = logit(pixel.place);
  let lean = tanh(z / 2); // 2σ(z) − 1
  let colour = mix(look.middle, select(look.low, look.high, lean > 0), abs(lean));
  // the boundary: where z = 0, a line of even width however steep z is
  let line = 1 - smoothstep(0.6, 1.8, abs(z) / max(fwidth(z), 1e-6));
  return mix(colour, look.middle, line);
}
