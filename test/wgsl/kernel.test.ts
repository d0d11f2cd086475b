// Skeletons filled, kernels joined and written out.
import { describe, expect, it } from 'vitest';
import { fill, joined, render, startsAlike } from '../../src/wgsl/kernel.js';
import { Vocabulary } from '../../src/wgsl/library.js';
import { expand, templateOf } from '../../src/wgsl/template.js';

const counter = (name: string): string => `$\{${name}}`;
const skeleton = `// What it is for.
fn finish(x: u32) {
  //:store
}
@compute @workgroup_size(GROUP, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  //:repeat i N
  let x${counter('i')} = group.x + ${counter('i')}u; // of its own
  //:end
  finish(x0 * SIZE);
}`;
const half = 'const K = 2.0;\nfn half(x: f32) -> f32 { return x / K; }';

function filled(size: number, group = 8) {
  const vocabulary = new Vocabulary();
  vocabulary.take({ name: 'half', source: half, byUser: true });
  return fill(skeleton, {
    parts: { store: 'b0[x] = 1u;' },
    constants: { GROUP: group, SIZE: size, N: 2 },
    vocabulary,
  });
}

describe('a template', () => {
  it('nests repeats and takes parts, which may be templates', () => {
    const both = counter('i') + counter('j');
    const text = templateOf(`//:repeat i 2\n//:repeat j M\n${both} //:part\n//:end\n//:end\n`);
    const lines = expand(text, { part: templateOf(`<${counter('i')}>`) }, { M: 2 });
    expect(lines.split(/\s+/).filter(Boolean)).toEqual([
      '00',
      '<0>',
      '01',
      '<0>',
      '10',
      '<1>',
      '11',
      '<1>',
    ]);
  });
});

describe('a kernel', () => {
  it('is written out once, indented', () => {
    const buffer = '@group(0) @binding(0) var<storage, read_write> b0: array<u32, 4>;';
    expect(render(filled(4), [buffer]).split('\n')).toEqual([
      ...[buffer, 'const GROUP = 8u;', 'const SIZE = 4u;', 'const N = 2u;'],
      ...['fn user0_half(x: f32) -> f32 { return x / user0_K; }', 'const user0_K = 2.0;'],
      ...['fn finish(x: u32) {', '  b0[x] = 1u;', '}'],
      '@compute @workgroup_size(GROUP, 1)',
      'fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {',
      ...['  let x0 = group.x + 0u;', '  let x1 = group.x + 1u;', '  finish(x0 * SIZE);', '}'],
    ]);
  });

  it('begins like another of the same workgroups, whatever their constants are called', () => {
    expect([startsAlike(filled(1), filled(2)), startsAlike(filled(1, 8), filled(1, 16))]).toEqual([
      true,
      false,
    ]);
  });

  it('joins others: their own names have their numbers, libraries come once', () => {
    const part = (size: number, buffer: string) => ({
      code: filled(size),
      workgroups: [size, 1, 1] as const,
      buffers: new Map([['b0', buffer]]),
    });
    const text = render(joined([part(4, 'b0'), part(5, 'b1')]), []);
    expect(text.match(/fn user0_half/g)).toHaveLength(1);
    expect(text).toContain('if (group.x < 4u) { main_0(vec3u((group.x - 0u) % 4u');
    expect(text).toContain('if (group.x < 9u) { main_1(');
    expect(text).toMatch(/fn finish_1\(x: u32\) \{\n {2}b1\[x\] = 1u;/);
    expect(text).toContain('finish_1(x0 * SIZE_1);');
    expect(text).toContain('@workgroup_size(GROUP_0, 1)');
  });
});
