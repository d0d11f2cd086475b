import { FormatError } from '../errors.js';
import { checkOptions } from '../options.js';

const isNumber = (text: string): boolean => /^[-+.\de]+$/i.test(text) && Number.isFinite(Math.fround(Number(text)));
const fail = (line: number, fact: string): never => {
  throw new FormatError(`csv: line ${line}: ${fact}`);
};

/** Cuts text into rows of cells, as RFC 4180: quotes may hold commas, line ends and doubled quotes. */
function cut(text: string) {
  const cell = /(?:"((?:[^"]|"")*)"|((?!")[^,\r\n]*))(,|\r?\n|$)/y;
  const rows: { line: number; cells: string[] }[] = [];
  let [line, stop] = [1, ''];
  while (cell.lastIndex < text.length || stop === ',') {
    if (stop !== ',') rows.push({ line, cells: [] });
    const found = cell.exec(text) ?? fail(line, 'a quote is never closed, or text follows its end or a line end');
    rows.at(-1)!.cells.push(found[1]?.replaceAll('""', '"') ?? found[2]!.trim());
    line += found[0].split('\n').length - 1;
    stop = found[3]!;
  }
  return rows;
}

/**
 * Reads comma-separated numbers: [rows, columns], f32, and the columns' names where there is a header. The first row is one
 * where one of its fields is no number, or as `header` says. Strict: throws FormatError, with the line, for rows of unequal
 * length, empty fields, text, NaN, Infinity, hexadecimal and numbers beyond f32.
 */
export function csv(text: string, options: { header?: boolean } = {}) {
  checkOptions('csv', options, '', 'header');
  const rows = cut(text.replace(/^\ufeff/, ''));
  const { cells: first } = rows[0] ?? fail(1, 'the text is empty');
  const { header = !first.every(isNumber) } = options;
  if (header && first.includes('')) fail(1, 'a column has no name');
  const body = rows.slice(header ? 1 : 0);
  const numbers = body.flatMap(({ line, cells }) => {
    if (cells.length !== first.length)
      fail(line, `the row has ${cells.length} fields and the first one ${first.length}; make them equal`);
    return cells.map((cell) =>
      isNumber(cell) ? Number(cell) : fail(line, `'${cell}' is no finite number; correct it`),
    );
  });
  const shape = [body.length, first.length];
  return { columns: header ? first : [], shape, dtype: 'f32' as const, data: Float32Array.from(numbers) };
}
