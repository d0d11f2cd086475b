// Elementwise kernel: every invocation walks over elements, LANES at a time (4: one vec4 of each buffer).
//! const LANES = 4u, GROUPS = 16u, GROUP_X = 64u
//! binding read b0: array<vec4f, GROUPS>
//! binding read_write b1: array<vec4f, GROUPS>
//! part loads = let l_b0 = b0[group]; var r0: vec4f;
//! part body = r0[lane] = 2.0 * l_b0[lane];
//! part stores = b1[group] = r0;
@compute @workgroup_size(GROUP_X)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  //:prologue
  for (var group = id.x; group < GROUPS; group += groups.x * GROUP_X) {
    //:loads
    //:repeat lane LANES
    {
      const lane = ${lane}u;
      let i = group * LANES + lane;
      //:body
    }
    //:end
    //:stores
  }
}
