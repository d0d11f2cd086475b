import { describe, expect, it } from 'vitest';
import { csv } from '../../src/data/csv.js';
import { FormatError } from '../../src/errors.js';

const table = (text: string, options = {}) => {
  const { columns, shape, data } = csv(text, options);
  return { columns, shape, values: Array.from(data) };
};

describe('csv', () => {
  it.each([
    ['without a header', '1,2\n3,4\n', [], [2, 2], [1, 2, 3, 4]],
    ['without a last line end', '1,2\n3,4', [], [2, 2], [1, 2, 3, 4]],
    ['with a header', 'x,y\n1,-2.5e3\n', ['x', 'y'], [1, 2], [1, -2500]],
    ['with CRLF and a byte-order mark', '\ufeffa,b\r\n1,2\r\n3,.5\r\n', ['a', 'b'], [2, 2], [1, 2, 3, 0.5]],
    ['with spaces', ' 1 ,\t2\n', [], [1, 2], [1, 2]],
    ['with quotes', '"a, ""b""\nc",d\n"1",2\n', ['a, "b"\nc', 'd'], [1, 2], [1, 2]],
    ['with one column', '5\n6\n', [], [2, 1], [5, 6]],
    ['with a header alone', 'a,b\n', ['a', 'b'], [0, 2], []],
  ])('reads numbers %s', (_, text, columns, shape, values) => {
    expect(table(text)).toEqual({ columns, shape, values });
  });

  it('is told about headers of numbers', () => {
    expect(table('2020,2021\n3,4', { header: true })).toEqual({
      columns: ['2020', '2021'],
      shape: [1, 2],
      values: [3, 4],
    });
  });

  it.each([
    ['nothing', '', /empty/],
    ['a short row', '1,2\n3\n', /line 2: the row has 1 fields and the first one 2/],
    ['a long row', 'a,b\n1,2\n1,2,3\n', /line 3: the row has 3/],
    ['an empty line', '1,2\n\n3,4\n', /line 2/],
    ['an empty field', '1,2\n3,\n', /line 2: '' is no/],
    ['an empty field at the very end', '1,2\n3,', /line 2: '' is no/],
    ['an empty name', 'a,\n1,2\n', /line 1: a column has no name/],
    ['NaN', 'a\nNaN\n', /line 2: 'NaN'/],
    ['Infinity', 'a\n-Infinity\n', /'-Infinity'/],
    ['hexadecimal', 'a,b\n1,0x10\n', /line 2: '0x10'/],
    ['a number beyond float64', 'a\n1e999\n', /'1e999'/],
    ['a number beyond f32', 'a\n1e39\n', /'1e39'/],
    ['text', 'a,b\n1,two\n', /'two'/],
    ['an open quote', 'a\n"1\n', /line 2: a quote is never closed/],
    ['text after a quote', 'a\n"1"2\n', /line 2: .*text follows/],
    ['a lone carriage return', 'a\r1\r', /line 1/],
    ['a bad field after a name of two lines', '"a\nb"\nx\n', /line 3: 'x'/],
  ])('refuses %s and says where', (_, text, message) => {
    expect(() => csv(text)).toThrow(FormatError);
    expect(() => csv(text)).toThrow(message);
  });
});
