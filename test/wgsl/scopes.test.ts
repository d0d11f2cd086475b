// Names of expressions in nested scopes, and when two indices are one.
import { describe, expect, it } from 'vitest';
import { digit, flat, rebased, sameIndex, split } from '../../src/wgsl/indices.js';
import { Scopes } from '../../src/wgsl/scopes.js';

describe('scopes', () => {
  it('name an expression once, in the outermost scope that knows its variables', () => {
    const scopes = new Scopes();
    scopes.open('row');
    scopes.open('column');
    const row = scopes.name('row / 4u', scopes.depthOf(['row']));
    expect(scopes.name('row / 4u', scopes.depthOf(['row']))).toBe(row);
    const inner = scopes.name(`${row} + column`, scopes.depthOf([row, 'column']));
    expect(scopes.close()).toBe(`let ${inner} = ${row} + column;`);
    expect(scopes.close()).toBe(`let ${row} = row / 4u;`);
    expect(scopes.close()).toBe('');
  });

  it('give a word no other name, and take an unknown one to be known here alone', () => {
    const scopes = new Scopes();
    scopes.open('i');
    expect(scopes.name('i', 0)).toBe('i');
    expect(scopes.depthOf(['i', '3u'])).toBe(1);
    expect(scopes.depthOf(['3u'])).toBe(0);
    scopes.open();
    expect(scopes.depthOf(['unknown'])).toBe(2);
  });
});

describe('indices', () => {
  it('are the same where their digits join to the same', () => {
    const i = digit('i', 24);
    const parts = split(i, [2, 3, 4], String);
    expect(sameIndex(parts.flat(), i)).toBe(true);
    expect(sameIndex(parts.toReversed().flat(), i)).toBe(false);
    expect(sameIndex(parts.slice(1).flat(), i)).toBe(false);
    expect(sameIndex([], digit('j', 1))).toBe(true);
    expect(sameIndex(i, digit('j', 24))).toBe(false);
  });

  it('may be of another variable', () => {
    expect(flat(rebased([...digit('m', 2), ...digit('n', 8)], 'n', 'first'))).toBe(
      '(m * 8u + first)',
    );
  });
});
