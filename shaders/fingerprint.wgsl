// Two sums over all words of a buffer, by which its bits are compared with those of another: each word is mixed with its place,
// and sums modulo 2³² depend on no order.
//! const GROUP = 64u
@group(0) @binding(0) var<storage, read> words: array<u32>;
@group(0) @binding(1) var<storage, read_write> sums: array<atomic<u32>, 2>;

// The last step of MurmurHash3 (Appleby, 2011).
fn mixed(word: u32) -> u32 {
  let x = (word ^ (word >> 16u)) * 0x85ebca6bu;
  let y = (x ^ (x >> 13u)) * 0xc2b2ae35u;
  return y ^ (y >> 16u);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  var first = 0u;
  var second = 0u;
  for (var at = id.x; at < arrayLength(&words); at += groups.x * GROUP) {
    first += mixed(words[at] + 0x9e3779b9u * at);
    second += mixed(words[at] ^ mixed(at + 1u));
  }
  atomicAdd(&sums[0], first);
  atomicAdd(&sums[1], second);
}
