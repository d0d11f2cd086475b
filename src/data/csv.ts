import type { TensorData } from '../dtype.js';
import { FormatError } from '../errors.js';

/** Rows of numbers, [rows, columns], with the columns' names where there is a header. */
export interface Table extends TensorData {
  readonly columns: readonly string[];
  readonly dtype: 'f32';
  readonly data: Float32Array;
}
interface Cell {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const isNumber = (text: string): boolean => NUMBER.test(text) && Number.isFinite(Math.fround(Number(text)));
const at = ({ line, column }: Cell): string => `csv: line ${line}, column ${column}`;

/** Cuts text into rows of cells, as RFC 4180: quotes may hold commas, line ends and doubled quotes. */
function cut(text: string, delimiter: string, maxCells: number): Cell[][] {
  const rows: Cell[][] = [];
  let row: Cell[] = [];
  let [line, lineStart, cells, next] = [1, 0, 0, text.startsWith('\ufeff') ? 1 : 0];
  while (next < text.length) {
    const place = { line, column: next - lineStart + 1 };
    let value: string;
    if (text[next] === '"') {
      const quoted = /"((?:[^"]|"")*)"/y;
      quoted.lastIndex = next;
      const found = quoted.exec(text);
      if (!found) throw new FormatError(`${at({ ...place, text: '' })}: the quote is never closed`);
      value = found[1]!.replaceAll('""', '"');
      next = quoted.lastIndex;
      for (let end = found[0].indexOf('\n'); end >= 0; end = found[0].indexOf('\n', end + 1)) {
        line++;
        lineStart = found.index + end + 1;
      }
    } else {
      const start = next;
      while (next < text.length && text[next] !== delimiter && text[next] !== '\n' && text[next] !== '\r') next++;
      value = text.slice(start, next).trim();
    }
    row.push({ text: value, ...place });
    if (++cells > maxCells)
      throw new FormatError(`csv: more than ${maxCells} fields; raise maxFields if that is right`);
    if (text[next] === delimiter) {
      if (++next < text.length) continue;
      row.push({ text: '', line, column: next - lineStart + 1 });
    }
    if (text[next] === '\r') next++;
    if (next < text.length && text[next] !== '\n')
      throw new FormatError(
        `csv: line ${line}, column ${next - lineStart + 1}: text after a closing quote or line end`,
      );
    lineStart = ++next;
    line++;
    rows.push(row);
    row = [];
  }
  return rows;
}

/**
 * Reads comma-separated numbers: [rows, columns], f32. The first row is a header where one of its fields is no number,
 * or as `header` says. Strict: throws FormatError, with line and column, for rows of unequal length, empty fields, text,
 * NaN, Infinity, hexadecimal and numbers beyond f32.
 */
export function csv(text: string, options: { header?: boolean; delimiter?: string; maxFields?: number } = {}): Table {
  const { delimiter = ',', maxFields = 2 ** 26 } = options;
  const rows = cut(text, delimiter, maxFields);
  const [first] = rows;
  if (!first) throw new FormatError('csv: the text is empty');
  const hasHeader = options.header ?? first.some((cell) => !isNumber(cell.text));
  const body = hasHeader ? rows.slice(1) : rows;
  for (const row of rows)
    if (row.length !== first.length)
      throw new FormatError(
        `${at(row.at(-1)!)}: the row has ${row.length} fields and the first one ${first.length}; make them equal`,
      );
  const unnamed = hasHeader ? first.find((cell) => cell.text === '') : undefined;
  if (unnamed) throw new FormatError(`${at(unnamed)}: the column has no name`);
  const data = new Float32Array(body.length * first.length);
  body.forEach((row, r) => {
    row.forEach((cell, c) => {
      if (!isNumber(cell.text))
        throw new FormatError(
          `${at(cell)}: ${cell.text === '' ? 'an empty field' : `'${cell.text.slice(0, 40)}'`} is no finite number; correct or remove it`,
        );
      data[r * first.length + c] = Number(cell.text);
    });
  });
  const columns = hasHeader ? first.map((cell) => cell.text) : [];
  return { columns, shape: [body.length, first.length], dtype: 'f32', data };
}
