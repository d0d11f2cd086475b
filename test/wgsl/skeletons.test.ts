// The first lines of a skeleton (`//! …`) as the tests read them, and as the compiler of kernels does not.
import { describe, expect, it } from 'vitest';
import { fill, render } from '../../src/wgsl/kernel.js';
import { Vocabulary } from '../../src/wgsl/library.js';
import { expand, templateOf } from '../../src/wgsl/template.js';
import { isSkeleton, programOf, shaders } from '../support/skeletons.js';

const kernel = `// Twice a number.
//! const ROWS = 2u, WIDE = 4u
//! enable f16
//! binding read b0: array<f16, ROWS>
//! binding read_write b1: array<f32, ROWS>
//! declare fn twice(x: f32) -> f32 {
//!   return 2.0 * x;
//! }
//! part body = b1[row] =
//!   twice(f32(b0[row]));
@compute @workgroup_size(WIDE, 1)
fn main(@builtin(local_invocation_index) row: u32) {
  //:before
  //:body
}
`;

describe('the first lines of a skeleton', () => {
  it('fill it', () => {
    const { wgsl, extensions } = programOf(kernel);
    expect(extensions).toEqual(['f16']);
    expect(wgsl.split('\n')).toEqual([
      'enable f16;',
      '@group(0) @binding(0) var<storage, read> b0: array<f16, ROWS>;',
      '@group(0) @binding(1) var<storage, read_write> b1: array<f32, ROWS>;',
      ...['const ROWS = 2u;', 'const WIDE = 4u;'],
      ...['fn twice(x: f32) -> f32 {', '  return 2.0 * x;', '}'],
      '@compute @workgroup_size(WIDE, 1)',
      'fn main(@builtin(local_invocation_index) row: u32) {',
      ...['  b1[row] =', '  twice(f32(b0[row]));', '}'],
    ]);
  });

  it('say nothing that is not known, and give no part that has no place', () => {
    const wrong = (line: string) => () => programOf(kernel.replace('//! enable f16', line));
    expect(wrong('//! const ROWS = 2')).toThrow("a prelude has no line 'const ROWS = 2'");
    expect(wrong('//! buffer b0')).toThrow("a prelude has no line 'buffer b0'");
    expect(wrong('//! part after = x();')).toThrow('there is no place for the parts after');
  });

  it.each([...shaders].filter(([, text]) => isSkeleton(text)))(
    'of %s are comments to the compiler of kernels',
    (_, text) => {
      const without = text.replace(/^\/\/!.*\n/gm, '');
      expect(without).not.toBe(text);
      const filling = { parts: {}, constants: {}, vocabulary: new Vocabulary() };
      const written = (each: string): string =>
        each.includes('fn main(')
          ? render(fill(each, filling), [])
          : expand(templateOf(each), {}, {}).trim();
      expect(written(text)).toBe(written(without));
    },
  );
});
