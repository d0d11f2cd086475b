import type { TensorData } from '../dtype.js';
import { FormatError } from '../errors.js';
import { checkOptions } from '../options.js';

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
const at = ({ line, column }: Omit<Cell, 'text'>): string => `csv: line ${line}, column ${column}`;

/** Cuts text into rows of cells, as RFC 4180: quotes may hold commas, line ends and doubled quotes. */
function cut(text: string, delimiter: string, maxCells: number): Cell[][] {
  const between = `\\u${delimiter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const value = new RegExp(`"((?:[^"]|"")*)"|[^${between}\\r\\n]*`, 'y');
  const end = new RegExp(`${between}|\\r?\\n|$`, 'y');
  const rows: Cell[][] = [];
  let row: Cell[] = [];
  let [line, lineStart, cells] = [1, 0, 0];
  for (let next = text.startsWith('\ufeff') ? 1 : 0; next < text.length || row.length; ) {
    value.lastIndex = next;
    const [raw, quoted] = value.exec(text)!;
    const cell = { text: quoted?.replaceAll('""', '"') ?? raw.trim(), line, column: next - lineStart + 1 };
    if (quoted === undefined && raw.startsWith('"')) throw new FormatError(`${at(cell)}: the quote is never closed`);
    if (++cells > maxCells)
      throw new FormatError(`csv: more than ${maxCells} fields; raise maxFields if that is right`);
    row.push(cell);
    if (raw.includes('\n')) {
      line += raw.split('\n').length - 1;
      lineStart = next + raw.lastIndexOf('\n') + 1;
    }
    next += raw.length;
    end.lastIndex = next;
    const stop = end.exec(text)?.[0];
    if (stop === undefined)
      throw new FormatError(`${at({ line, column: next - lineStart + 1 })}: text after a closing quote or line end`);
    next += stop.length;
    if (stop === delimiter) continue;
    rows.push(row);
    [row, lineStart] = [[], next];
    line++;
  }
  return rows;
}

/**
 * Reads comma-separated numbers: [rows, columns], f32. The first row is a header where one of its fields is no number,
 * or as `header` says. Strict: throws FormatError, with line and column, for rows of unequal length, empty fields, text,
 * NaN, Infinity, hexadecimal and numbers beyond f32.
 */
export function csv(text: string, options: { header?: boolean; delimiter?: string; maxFields?: number } = {}): Table {
  const { delimiter = ',', maxFields = 2 ** 26 } = checkOptions('csv', options, '', 'header delimiter maxFields');
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
  const numbers = body.flat().map((cell) => {
    if (isNumber(cell.text)) return Number(cell.text);
    const found = cell.text === '' ? 'an empty field' : `'${cell.text.slice(0, 40)}'`;
    throw new FormatError(`${at(cell)}: ${found} is no finite number; correct or remove it`);
  });
  const columns = hasHeader ? first.map((cell) => cell.text) : [];
  return { columns, shape: [body.length, first.length], dtype: 'f32', data: Float32Array.from(numbers) };
}
