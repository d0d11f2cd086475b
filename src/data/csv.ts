// Reads comma-separated numbers (RFC 4180). Strict: anything that is no number is an error with its line and column.
import { describe } from '../core/bytes.js';
import { FormatError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';

const isNumber = (text: string): boolean =>
  /^[-+.\de]+$/i.test(text) && Number.isFinite(Math.fround(Number(text)));
/** Numbers, and what is meant as one: NaN, infinities, hexadecimal, numbers beyond f32. */
const isLikeNumber = (text: string): boolean =>
  /^[-+]?(nan|inf(inity)?)$/i.test(text) || (text !== '' && !Number.isNaN(Number(text)));
const fail = (line: number, fact: string): never => {
  throw new FormatError(`csv: line ${line}: ${fact}`);
};

interface Row {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly cells: string[];
  /** Nothing but spaces. */
  isBlank: boolean;
}

const plainField = /(?!")[^,\r\n]*/y;
const fieldEnd = /,|\r?\n|$/y;
/** Returns where what a sticky pattern matches at `at` ends; nothing where it does not match. */
function endOfMatch(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** Returns where a quoted field that begins at `at` ends: after the first quote that is not doubled, if there is one. */
function quotedEnd(text: string, at: number): number | undefined {
  let end = text.indexOf('"', at + 1);
  while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  return end < 0 ? undefined : end + 1;
}

/** Cuts text into rows of cells: quotes may hold commas, line ends and doubled quotes. */
function cut(text: string): Row[] {
  const rows: Row[] = [];
  let line = 1;
  let at = 0;
  let row: Row | undefined; // that of the next field
  while (at < text.length || row) {
    if (!row) {
      row = { line, cells: [], isBlank: true };
      rows.push(row);
    }
    const isQuoted = text[at] === '"';
    const end = isQuoted ? quotedEnd(text, at) : endOfMatch(plainField, text, at);
    const next = end === undefined ? undefined : endOfMatch(fieldEnd, text, end);
    if (end !== undefined && text[end] === '\r' && next === undefined)
      return fail(
        line,
        "a line ends with CR alone; make line ends LF: text.replace(/\\r\\n?/g, '\\n')",
      );
    if (end === undefined || next === undefined)
      return fail(line, 'a quote is never closed, or text follows its end or a line end');
    const raw = isQuoted ? text.slice(at + 1, end - 1) : text.slice(at, end);
    const cell = isQuoted ? raw.replaceAll('""', '"') : raw.trim();
    row.cells.push(cell);
    row.isBlank &&= !isQuoted && cell === '' && row.cells.length === 1;
    const stop = text.slice(end, next);
    line += isQuoted ? cell.split('\n').length - 1 : 0;
    line += stop.endsWith('\n') ? 1 : 0;
    at = next;
    if (stop !== ',') row = undefined;
  }
  return rows;
}

/** Says which other separator than the comma is between the numbers of a row, if one is: the fact and the fix. */
function otherSeparator(cells: readonly string[]): string | undefined {
  const names: Readonly<Record<string, string>> = {
    ';': 'semicolons',
    '\t': 'tabs',
    '|': 'bars',
    ' ': 'spaces',
  };
  for (const [separator, name] of Object.entries(names)) {
    const isBetween = (cell: string): boolean => {
      const parts = cell.split(separator);
      const isSole = cells.length === 1 && separator !== ' '; // a text may have spaces
      return parts.length > 1 && (isSole || parts.every((part) => isLikeNumber(part.trim())));
    };
    if (cells.some(isBetween))
      return `columns are separated by commas, not by ${name}; replace them`;
  }
  return undefined;
}

/** Throws for a cell that is no number; the message names the columns that hold text throughout. */
function refuse(
  { line, cells }: Row,
  cell: string,
  body: readonly Row[],
  names: readonly string[],
): never {
  const nameOf = (column: number): string =>
    names[column] === undefined ? `${column + 1}` : `'${names[column]}'`;
  const at = cells.indexOf(cell);
  const cellsOf = (column: number): string[] => body.map((row) => row.cells[column] ?? '');
  const columns = [...cells.keys()].filter((column) => isOfText(cellsOf(column)));
  const listed = columns.map(nameOf).join(', ');
  const subject = columns.length > 1 ? `columns ${listed} hold` : `column ${listed} holds`;
  const ofText = `${subject} text: leave it out, or write numbers in its place`;
  const isHeader = names.length === 0 && body[0]?.line === line && body.length > 1;
  const header = '; if the row names the columns, pass { header: true }';
  const correct = isHeader && isText(cell) ? `correct it${header}` : 'correct it';
  const fix = otherSeparator(cells) ?? (columns.includes(at) ? ofText : correct);
  return fail(line, `'${cell}' is no finite number, in column ${nameOf(at)}; ${fix}`);
}
const isText = (cell: string): boolean => cell !== '' && !isLikeNumber(cell);
/** Whether a column has text, with gaps perhaps, and no number. */
const isOfText = (cells: readonly string[]): boolean =>
  cells.some(isText) && !cells.some(isLikeNumber);

/**
 * Reads comma-separated numbers: [rows, columns], f32, and the columns' names where there is a header. The first row is
 * a header if none of its fields is a number, or as `header` says. Blank lines at the end are skipped. Strict: throws
 * FormatError, with line and column, for rows of unequal length, empty fields, text, NaN, Infinity, hexadecimal and
 * numbers beyond f32.
 */
export function csv(text: string, options: { header?: boolean } = {}) {
  checkOptions('csv', options, '', 'header');
  if (typeof text !== 'string')
    throw new FormatError(
      `csv: the text is ${describe(text)}; decode bytes with new TextDecoder().decode(bytes)`,
    );
  const rows = cut(text.replace(/^\ufeff/, ''));
  while (rows.at(-1)?.isBlank) rows.pop();
  const { cells: first } = rows[0] ?? fail(1, 'the text is empty');
  const { header = !first.some(isLikeNumber) } = options;
  if (header && first.includes('')) fail(1, 'a column has no name');
  const columns = header ? first : [];
  const body = rows.slice(header ? 1 : 0);
  const numbers = body.flatMap((row) => {
    const { line, cells, isBlank } = row;
    if (isBlank) fail(line, 'it is blank, and numbers follow; take it out');
    const fix = otherSeparator(first) ?? otherSeparator(cells) ?? 'make them equal';
    if (cells.length !== first.length)
      fail(line, `the row has ${cells.length} fields and the first one ${first.length}; ${fix}`);
    const wrong = cells.find((cell) => !isNumber(cell));
    return wrong === undefined ? cells.map(Number) : refuse(row, wrong, body, columns);
  });
  const shape = [body.length, first.length];
  return { columns, shape, dtype: 'f32' as const, data: Float32Array.from(numbers) };
}
