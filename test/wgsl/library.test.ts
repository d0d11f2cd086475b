// What a kernel takes from libraries of WGSL.
import { describe, expect, it } from 'vitest';
import { functionAt } from '../../src/wgsl/functionAt.js';
import { Vocabulary } from '../../src/wgsl/library.js';

const source = `
enable f16;
const SCALE = 2.0; // used
alias Number = f32;
struct Pair { first: f32, SCALE: f32 }
fn unused(x: f32) -> f32 { return x; }
fn helper(x: f32) -> Number { let p = Pair(x, 1.0); return p.first * p.SCALE * SCALE; }
/* fn main() {} */
fn scaled(x: f32) -> f32 { return helper(x); }`;

describe('a vocabulary', () => {
  it('takes a function with all that it mentions, and nothing else', () => {
    const vocabulary = new Vocabulary();
    expect(vocabulary.take({ name: 'scaled', source })).toBe('scaled');
    expect([...vocabulary.taken.keys()].sort()).toEqual([
      'Number',
      'Pair',
      'SCALE',
      'helper',
      'scaled',
    ]);
    expect([...vocabulary.directives]).toEqual(['enable f16;']);
  });

  it("keeps users' names apart from Nabla's and from each other's", () => {
    const vocabulary = new Vocabulary();
    const texts = [source, source.replace('2.0', '3.0'), source];
    const names = texts.map((text) =>
      vocabulary.take({ name: 'scaled', source: text, byUser: true }),
    );
    expect(names).toEqual(['user0_scaled', 'user1_scaled', 'user0_scaled']);
    expect(vocabulary.taken.get('user1_helper')?.text).toBe(
      'fn user1_helper(x: f32) -> user1_Number { let p = user1_Pair(x, 1.0); return p.first * p.SCALE * user1_SCALE; }',
    );
    expect(vocabulary.taken.get('user0_Pair')?.text).toBe(
      'struct user0_Pair { first: f32, SCALE: f32 }',
    );
  });

  it('gives functions of f32 for integers, for which nothing is NaN', () => {
    const vocabulary = new Vocabulary();
    const nan = 'fn is_nan(a: f32) -> bool { return true; }';
    const larger = `${nan}\nfn larger(a: f32) -> f32 { return select(a, 0, is_nan(a)); }`;
    expect(vocabulary.take({ name: 'larger', source: larger }, 'i32')).toBe('larger_i32');
    const texts = Array.from(vocabulary.taken.values(), ({ text }) => text);
    expect(texts).toContain('fn larger_i32(a: i32) -> i32 { return select(a, 0, is_nan_i32(a)); }');
    expect(texts).toContain('fn is_nan_i32(a: i32) -> bool { return false; }');
  });

  it('says what a source lacks', () => {
    expect(() => new Vocabulary().take({ name: 'SCALE', source })).toThrow(
      "its WGSL holds no 'fn SCALE('",
    );
  });

  it('absorbs another, and gives other names to what differs', () => {
    const [one, two] = [new Vocabulary(), new Vocabulary()];
    one.take({ name: 'scaled', source, byUser: true });
    two.take({ name: 'scaled', source: source.replace('2.0', '3.0'), byUser: true });
    const all = new Vocabulary();
    expect(all.absorb(one, 0).size).toBe(0);
    expect(all.absorb(one, 1).size).toBe(0);
    expect(all.absorb(two, 2).get('user0_scaled')).toBe('part2_user0_scaled');
    expect(all.taken.get('part2_user0_scaled')?.text).toContain('part2_user0_helper(x)');
  });
});

it('finds the function that a line is in', () => {
  expect(functionAt('const A = 1;\n\nfn a() {\n  return;\n}\nfn b() {}', 4)).toEqual({
    name: 'a',
    line: 3,
  });
  expect(functionAt('const A = 1;\nfn a() {}', 1)).toBeUndefined();
});
