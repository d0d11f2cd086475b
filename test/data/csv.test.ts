import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/core/errors.js';
import { csv } from '../../src/data/csv.js';
import { forAll } from '../support/property.js';

const table = (text: string, options = {}) => {
  const { columns, shape, data } = csv(text, options);
  return { columns, shape, values: Array.from(data) };
};

describe('csv', () => {
  it.each([
    ['without a header', '1,2\n3,4\n', [], [2, 2], [1, 2, 3, 4]],
    ['without a last line end', '1,2\n3,4', [], [2, 2], [1, 2, 3, 4]],
    ['with a header', 'x,y\n1,-2.5e3\n', ['x', 'y'], [1, 2], [1, -2500]],
    [
      'with CRLF and a byte-order mark',
      '\ufeffa,b\r\n1,2\r\n3,.5\r\n',
      ['a', 'b'],
      [2, 2],
      [1, 2, 3, 0.5],
    ],
    ['with spaces', ' 1 ,\t2\n', [], [1, 2], [1, 2]],
    ['with quotes', '"a, ""b""\nc",d\n"1",2\n', ['a, "b"\nc', 'd'], [1, 2], [1, 2]],
    ['with one column', '5\n6\n', [], [2, 1], [5, 6]],
    ['with a header alone', 'a,b\n', ['a', 'b'], [0, 2], []],
    ['with blank last lines', '1,2\n3,4\n\n \n\t\r\n', [], [2, 2], [1, 2, 3, 4]],
    ['of one column with blank last lines', 'a\n5\n\n', ['a'], [1, 1], [5]],
    [
      'with a header of texts that only look like numbers',
      '1a,--\n1,2',
      ['1a', '--'],
      [1, 2],
      [1, 2],
    ],
  ])('reads numbers %s', (_, text, columns, shape, values) => {
    expect(table(text)).toEqual({ columns, shape, values });
  });

  it('takes a first row for a header only where no field of it is meant as a number', () => {
    const fields = fc.constantFrom(
      'a',
      'b c',
      'x1',
      '1',
      '-2.5',
      'NaN',
      'Infinity',
      '0x10',
      '1e999',
      '',
    );
    forAll(fc.array(fields, { minLength: 1, maxLength: 4 }), 300, (row) => {
      const text = `${row.map((field) => `"${field}"`)}\n${row.map(() => 1)}\n`;
      const isText = row.every((field) => /^[ab]|^x/.test(field));
      const isGood = row.every((field) => /^-?[\d.]+$/.test(field));
      if (isText)
        expect(table(text)).toEqual({
          columns: row,
          shape: [1, row.length],
          values: row.map(() => 1),
        });
      else if (isGood) expect(table(text).shape).toEqual([2, row.length]);
      else expect(() => csv(text)).toThrow(/^csv: line 1: /);
      if (row.every(Boolean)) expect(table(text, { header: true }).columns).toEqual(row);
      if (!isGood) expect(() => csv(text, { header: false })).toThrow(/^csv: line 1: /);
    });
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
    [
      'a header with a number',
      'id,2020\n1,2\n',
      /line 1: 'id' is .* column 1; .*if .* names .*{ header: true }/,
    ],
    [
      'a blank line that numbers follow',
      '1\n\n2\n',
      /line 2: it is blank, and numbers follow; take it out/,
    ],
    [
      'a quoted blank at the end',
      '1\n""\n',
      /line 2: '' is no finite number, in column 1; correct it/,
    ],
    ['commas alone at the end', '1,2\n,\n', /line 2: '' is no/],
    ['blank lines alone', '\n \n', /line 1: the text is empty/],
    [
      'columns of text',
      'size,species,city\n1,setosa,Rome\n2,virginica,\n',
      /line 2: 'setosa' .*, in column 'species'; columns 'species', 'city' hold text: leave it out, or write numbers/,
    ],
    [
      'a column of text without a name',
      '5.1,setosa\n4,virginica\n',
      /line 1: 'setosa' .* column 2; column 2 holds text/,
    ],
    [
      'one text among numbers',
      'a,b\n1,2\nx,3\n',
      /line 3: 'x' is no finite number, in column 'a'; correct it/,
    ],
    [
      'a lone carriage return',
      'a\r1\r',
      /line 1: a line ends with CR alone; make line ends LF: text.replace\(/,
    ],
    ['a lone carriage return later', 'a\n1\r2\n', /line 2: a line ends with CR alone/],
    ['a lone carriage return after a quote', '"a"\r1\n', /line 1: a line ends with CR alone/],
    [
      'a comma for a point',
      'a;b\n1,5;2,5\n',
      /line 2: .* columns|line 2: the row has 3.*; columns are .* semicolons/,
    ],
    [
      'a semicolon beside a comma',
      '1,2\n1,2;3\n',
      /line 2: '2;3' .*; columns are separated by commas, not by semicolons/,
    ],
    ['a bad field after a name of two lines', '"a\nb"\nx\n', /line 3: 'x'/],
  ])('refuses %s and says where', (_, text, message) => {
    expect(() => csv(text)).toThrow(FormatError);
    expect(() => csv(text)).toThrow(message);
  });

  it.each([
    [';', 'semicolons'],
    ['\t', 'tabs'],
    ['|', 'bars'],
    [' ', 'spaces'],
  ])('says that %j is no comma', (separator, name) => {
    const rows = fc.array(fc.array(fc.integer(), { minLength: 2, maxLength: 2 }), {
      minLength: 1,
      maxLength: 4,
    });
    forAll(fc.tuple(rows, fc.boolean()), 50, ([list, hasHeader]) => {
      const lines = list.map((row) => row.join(separator));
      if (hasHeader) lines.unshift(['x', 'y'].join(separator));
      const read = () => csv(lines.join('\n'), { header: hasHeader });
      expect(read).toThrow(FormatError);
      expect(read).toThrow(`columns are separated by commas, not by ${name}; replace them`);
    });
  });

  it.each([undefined, null, new Uint8Array(3), ['1,2']])('refuses %s, which is no text', (text) => {
    expect(() => csv(text as never)).toThrow(FormatError);
    expect(() => csv(text as never)).toThrow(
      /csv: the text is .*; decode bytes with new TextDecoder/,
    );
  });

  it('reads quoted fields of any length', () => {
    expect(table(`"${'a""'.repeat(5e6)}"\n1`).shape).toEqual([1, 1]);
  });
});
