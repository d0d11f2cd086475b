// The lexer of WGSL: the one place with a pattern over its text. What reads or renames WGSL works on these tokens.

/** A piece of WGSL. The texts of all tokens in order are the text that they were cut from. */
export interface Token {
  readonly kind: 'word' | 'number' | 'symbol' | 'space' | 'comment';
  readonly text: string;
}

// WGSL specification, "Textual Structure" and "Literals". All else is one symbol a character; block comments nest and are found
// by hand.
const patterns: Readonly<Record<Exclude<Token['kind'], 'symbol'>, RegExp>> = {
  word: /[\p{XID_Start}_]\p{XID_Continue}*/uy,
  space: /\s+/uy,
  number:
    /0[xX][\da-fA-F]*\.?[\da-fA-F]*(?:[pP][+-]?\d+)?[iufh]?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[iufh]?/uy,
  comment: /\/\/[^\n\v\f\r\u0085\u2028\u2029]*/uy,
};
const kinds = Object.keys(patterns) as (keyof typeof patterns)[];

/** The kinds of token that may begin with a character, by its code: for one of ASCII there is one at most. */
const begins = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return kinds.filter(
    (kind) => endOf(kind, character === '/' ? '//' : character === '.' ? '.0' : character, 0) > 0,
  );
});

/** Where a token of this kind that begins at `at` ends; `at` if there is none. */
function endOf(kind: keyof typeof patterns, text: string, at: number): number {
  const pattern = patterns[kind];
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** Where the block comment that begins at `start` ends; they nest. An unfinished one takes the rest. */
function endOfBlockComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text.startsWith('/*', at)) depth++;
    else if (text.startsWith('*/', at)) depth--;
    else continue;
    at++;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/** Cuts WGSL, or a template of it, into tokens. Any text is accepted; what is no WGSL comes as symbols. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at);
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

function tokenAt(text: string, at: number): Token {
  if (text[at] === '/' && text[at + 1] === '*')
    return { kind: 'comment', text: text.slice(at, endOfBlockComment(text, at)) };
  for (const kind of begins[text.charCodeAt(at)] ?? kinds) {
    const end = endOf(kind, text, at);
    if (end > at) return { kind, text: text.slice(at, end) };
  }
  return { kind: 'symbol', text: String.fromCodePoint(text.codePointAt(at)!) };
}

/** The text of tokens. */
export const textOf = (tokens: readonly Token[]): string => tokens.map(({ text }) => text).join('');

/** The tokens that mean something to a compiler. */
export const codeOf = (tokens: readonly Token[]): Token[] =>
  tokens.filter(({ kind }) => kind !== 'space' && kind !== 'comment');

/** Whether a text is one number. */
export const isNumber = (text: string): boolean =>
  text !== '' && endOf('number', text, 0) === text.length;

/** Whether a text is one identifier or number, so that it may stand for itself. */
export const isAtom = (text: string): boolean =>
  isNumber(text) || (text !== '' && endOf('word', text, 0) === text.length);

/** Attributes whose arguments are no names of declarations. */
const ownWords = new Set(['builtin', 'diagnostic', 'interpolate']);

/**
 * The tokens with names replaced wherever they are used as names: not behind a `.` (members, swizzles) or a `@` (attributes),
 * not where a struct declares its members, and not among the words of WGSL's own that some attributes take.
 */
export function renamed(tokens: readonly Token[], names: ReadonlyMap<string, string>): Token[] {
  let before = '';
  let struct: 'none' | 'named' | 'inside' = 'none';
  let attribute = '';
  return tokens.map((token, at) => {
    const { kind, text } = token;
    if (kind === 'space' || kind === 'comment') return token;
    const isMember = struct === 'inside' && nextCode(tokens, at) === ':';
    if (before === '@') attribute = text;
    else if (text === ')') attribute = '';
    if (text === 'struct') struct = 'named';
    else if (text === '{' && struct === 'named') struct = 'inside';
    else if (text === '}') struct = 'none';
    const isWord = kind === 'word' && before !== '.' && before !== '@';
    const isName = isWord && !isMember && !ownWords.has(attribute);
    before = text;
    return isName && names.has(text) ? { kind, text: names.get(text)! } : token;
  });
}

/** The text of the next token that is code. */
function nextCode(tokens: readonly Token[], at: number): string | undefined {
  let next = at + 1;
  while (tokens[next]?.kind === 'space' || tokens[next]?.kind === 'comment') next++;
  return tokens[next]?.text;
}
