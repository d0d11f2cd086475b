// Elementwise kernel: every invocation walks over elements, LANES at a time (4: one vec4 of each buffer).
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  //:prologue
  for (var group = id.x; group < GROUPS; group += groups.x * 64u) {
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
