// What an adapter reaches at most: with ROUNDS multiply-adds in registers, 64 operations each an invocation; with none
// a copy of 16 bytes an invocation.
//! const ROUNDS = 512u
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = source[id.x];
  //:repeat i 8
  var c${i} = x;
  //:end
  for (var round = 0u; round < ROUNDS; round++) {
    //:repeat i 8
    c${i} = c${i} * x + x;
    //:end
  }
  result[id.x] = ((c0 + c1) + (c2 + c3)) + ((c4 + c5) + (c6 + c7));
}
