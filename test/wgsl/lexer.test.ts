// Tokens are the text; names are replaced where they are names.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAtom, renamed, textOf, tokensOf } from '../../src/wgsl/lexer.js';
import { forAll } from '../support/property.js';

const kinds = (text: string): string[] =>
  tokensOf(text).map(({ kind, text: piece }) => `${kind} ${piece}`);
const rename = (text: string, names: Record<string, string>): string =>
  textOf(renamed(tokensOf(text), new Map(Object.entries(names))));

describe('the lexer', () => {
  it('loses nothing of any text', () => {
    const pieces = fc.constantFrom(
      'fn ',
      'x',
      '1.5e-3f',
      '0x1p-24f',
      '/*',
      '*/',
      '//',
      '\n',
      '@',
      '.',
      'δ',
      '{',
      '😀',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces).map((some) => some.join('')),
    );
    forAll(texts, 500, (text) => {
      expect(textOf(tokensOf(text))).toBe(text);
    });
  });

  it('knows identifiers, numbers, symbols and comments', () => {
    expect(kinds('let δx_1=0x1.8p-3f+.5h-1e5;')).toEqual([
      ...[
        'word let',
        'space  ',
        'word δx_1',
        'symbol =',
        'number 0x1.8p-3f',
        'symbol +',
        'number .5h',
      ],
      ...['symbol -', 'number 1e5', 'symbol ;'],
    ]);
  });

  it('nests block comments', () => {
    expect(kinds('a/* x /* y */ z */b')).toEqual(['word a', 'comment /* x /* y */ z */', 'word b']);
    expect(kinds('a // b /*\nc')).toEqual([
      'word a',
      'space  ',
      'comment // b /*',
      'space \n',
      'word c',
    ]);
  });

  it('takes one identifier or number for an atom', () => {
    expect(['v0', '1u', 'f32(x)', 'a.b', '', 'a '].map(isAtom)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('renaming', () => {
  it('leaves members, swizzles, attributes, comments and declared members alone', () => {
    const names = { x: 'y', size: 'y', a: 'b' };
    expect(rename('let x = v.x + p.size; // x\n@size(16) x', names)).toBe(
      'let y = v.x + p.size; // x\n@size(16) y',
    );
    expect(rename('struct S { a: f32, x: a }', names)).toBe('struct S { a: f32, x: b }');
  });

  it('exchanges names at once', () => {
    expect(rename('a + b * a', { a: 'b', b: 'a' })).toBe('b + a * b');
  });
});
