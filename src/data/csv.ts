import { FormatError } from '../errors.js';
import { checkOptions } from '../options.js';

/** Rows of numbers, [rows, columns], with the columns' names where there is a header. */
export type Table = ReturnType<typeof csv>;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const isNumber = (text: string): boolean => NUMBER.test(text) && Number.isFinite(Math.fround(Number(text)));
const fail = (line: number, fact: string): never => {
  throw new FormatError(`csv: line ${line}: ${fact}`);
};

/** Cuts text into rows of cells, as RFC 4180: quotes may hold commas, line ends and doubled quotes. */
function cut(text: string) {
  const cell = /(?:"((?:[^"]|"")*)"|((?!")[^,\r\n]*))(,|\r?\n|$)/y;
  const emptyRow = (line: number) => ({ line, cells: [] as string[] });
  let line = 1;
  let row = emptyRow(line);
  const rows = [];
  while (cell.lastIndex < text.length || row.cells.length > 0) {
    const found = cell.exec(text);
    if (!found) return fail(line, 'a quote is never closed, or text follows a closing quote or a line end');
    const [all, quoted, bare, stop] = found;
    line += all.split('\n').length - 1;
    row.cells.push(quoted?.replaceAll('""', '"') ?? bare!.trim());
    if (stop === ',') continue;
    rows.push(row);
    row = emptyRow(line);
  }
  return rows;
}

/**
 * Reads comma-separated numbers: [rows, columns], f32. The first row is a header where one of its fields is no number,
 * or as `header` says. Strict: throws FormatError, with the line, for rows of unequal length, empty fields, text, NaN,
 * Infinity, hexadecimal and numbers beyond f32.
 */
export function csv(text: string, options: { header?: boolean } = {}) {
  checkOptions('csv', options, '', 'header');
  const rows = cut(text.replace(/^\ufeff/, ''));
  const [first] = rows;
  if (!first) throw new FormatError('csv: the text is empty');
  const width = first.cells.length;
  const hasHeader = options.header ?? !first.cells.every(isNumber);
  if (hasHeader && first.cells.includes('')) fail(1, 'a column has no name');
  const body = hasHeader ? rows.slice(1) : rows;
  const numbers = body.flatMap(({ line, cells }) => {
    if (cells.length !== width)
      fail(line, `the row has ${cells.length} fields and the first one ${width}; make them equal`);
    return cells.map((cell) =>
      isNumber(cell) ? Number(cell) : fail(line, `'${cell}' is no finite number; correct it`),
    );
  });
  return {
    columns: hasHeader ? first.cells : [],
    shape: [body.length, width],
    dtype: 'f32' as const,
    data: Float32Array.from(numbers),
  };
}
