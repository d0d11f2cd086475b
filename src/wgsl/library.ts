// Libraries of WGSL: what a text declares at module scope, and what of that a kernel needs. Names of users' texts are
// prefixed, so that they clash with nothing that Nabla or another user writes.
import { DeviceError } from '../core/errors.js';
import { codeOf, renamed, type Token, textOf, tokensOf } from './lexer.js';

const keywords = new Set(['fn', 'const', 'override', 'alias', 'struct', 'var']);
const directives = new Set(['enable', 'requires', 'diagnostic']);
const ASSERTION = 'const_assert';
const opening = new Set(['{', '(', '[']);
const closing = new Set(['}', ')', ']']);

/**
 * Cuts tokens into what stands at module scope: each ends with its `;`, or with the `}` of a function or struct. With `all`
 * what lies between them comes too.
 */
export function statementsOf<T extends { readonly kind: string; readonly text?: string }>(
  tokens: readonly T[],
  all = false,
): T[][] {
  const statements: T[][] = [];
  let current: T[] = [];
  let depth = 0;
  for (const token of tokens) {
    const { kind, text = '' } = token;
    const isBetween =
      current.length === 0 && (kind === 'space' || kind === 'comment' || text === ';');
    if (isBetween && all) statements.push([token]);
    if (isBetween) continue;
    current.push(token);
    if (opening.has(text)) depth++;
    if (closing.has(text)) depth--;
    if (depth > 0 || (text !== ';' && text !== '}')) continue;
    statements.push(current);
    current = [];
  }
  if (current.length > 0) statements.push(current);
  return statements;
}

/** The keyword and the name of a declaration: behind attributes, and of `var<workgroup> name` behind the address space. */
export function headOf(
  statement: readonly Token[],
): { readonly keyword: string; readonly name: string } | undefined {
  const code = codeOf(statement);
  const at = code.findIndex(({ text }) => keywords.has(text));
  if (at < 0) return undefined;
  let next = at + 1;
  if (code[next]?.text === '<')
    next = code.findIndex(({ text }, i) => i > next && text === '>') + 1;
  return { keyword: code[at]!.text, name: code[next]?.text ?? '' };
}

/** One declaration at module scope. */
interface Declaration {
  readonly keyword: string;
  readonly tokens: readonly Token[];
  /** Names of its own library that it mentions. */
  readonly uses: readonly string[];
}
/** What a text declares, by name, and its directives, such as what it enables. */
interface Library {
  readonly declarations: ReadonlyMap<string, Declaration>;
  readonly directives: readonly string[];
  /** The declarations that assert something of the others: all of them go where one of these goes. */
  readonly assertions: readonly string[];
}

const libraries = new Map<string, Library>();

/** Reads a text once. */
export function libraryOf(source: string): Library {
  const known = libraries.get(source);
  if (known) return known;
  const statements = statementsOf(tokensOf(source));
  const isDirective = (statement: readonly Token[]): boolean =>
    directives.has(codeOf(statement)[0]?.text ?? '');
  const heads = new Map<string, { keyword: string; tokens: readonly Token[] }>();
  for (const tokens of statements.filter((statement) => !isDirective(statement))) {
    const head = headOf(tokens);
    if (head) heads.set(head.name, { keyword: head.keyword, tokens });
    // it has no name: a text with a space is none of WGSL's
    else if (codeOf(tokens)[0]?.text === ASSERTION)
      heads.set(`${ASSERTION} ${heads.size}`, { keyword: ASSERTION, tokens });
  }
  const declarations = new Map<string, Declaration>();
  for (const [name, { keyword, tokens }] of heads) {
    const words = new Set(codeOf(tokens).map(({ text }) => text));
    const uses = [...words].filter((word) => word !== name && heads.has(word));
    declarations.set(name, { keyword, tokens, uses });
  }
  const assertions = [...declarations.keys()].filter((name) => name.startsWith(`${ASSERTION} `));
  const library = {
    declarations,
    assertions,
    directives: statements.filter(isDirective).map(textOf),
  };
  libraries.set(source, library);
  return library;
}

/** A function of a WGSL text. */
export interface Called {
  readonly name: string;
  readonly source: string;
  /** Where the source is written, for errors in it. */
  readonly file?: string | undefined;
  /** Whether a user wrote it: its names are then kept apart from all others. */
  readonly byUser?: boolean | undefined;
}

/** The numbers that a function of f32 can be had for. */
export type NumberType = 'f32' | 'i32' | 'u32';

/** A declaration as it stands in a kernel, and what it is called where it was written. */
export interface Taken {
  readonly text: string;
  readonly original: string;
  readonly file?: string | undefined;
  readonly byUser?: boolean | undefined;
}

/** The declarations that one kernel needs, each once. */
export class Vocabulary {
  /** By their names in the kernel. */
  readonly taken = new Map<string, Taken>();
  /** What their texts enable. */
  readonly directives = new Set<string>();
  /** Users' texts, in the order in which they came: their number is in the prefix of their names. */
  readonly #sources: string[] = [];

  /**
   * Takes a function, and what it mentions, from a source. For i32 and u32 operands its f32s are rewritten. Returns the name
   * to call. Throws DeviceError when the source has no such function.
   */
  take(called: Called, type: NumberType = 'f32'): string {
    const { name, source } = called;
    if (libraryOf(source).declarations.get(name)?.keyword === 'fn') return this.#add(called, type);
    throw new DeviceError(
      `kernel ${name}: its WGSL holds no 'fn ${name}('; define it in what pointwise is given`,
    );
  }

  /** Takes all that a source declares; returns the names that its declarations have in the kernel. */
  takeAll(source: Omit<Called, 'name'>): ReadonlyMap<string, string> {
    const names = [...libraryOf(source.source).declarations.keys()];
    return new Map(names.map((name) => [name, this.#add({ ...source, name }, 'f32')]));
  }

  /**
   * Takes all that another kernel's vocabulary has. Returns other names for what is another text under the same name: users'
   * texts are numbered in each kernel by itself.
   */
  absorb(other: Vocabulary, number: number): ReadonlyMap<string, string> {
    for (const each of other.directives) this.directives.add(each);
    const entries = [...other.taken];
    const clashes = entries.some(
      ([name, { text }]) => (this.taken.get(name)?.text ?? text) !== text,
    );
    const renamable = entries.filter(([, { byUser }]) => clashes && byUser);
    const names = new Map(renamable.map(([name]) => [name, `part${number}_${name}`]));
    for (const [name, taken] of entries) {
      const text = textOf(renamed(tokensOf(taken.text), names));
      this.taken.set(names.get(name) ?? name, names.size > 0 ? { ...taken, text } : taken);
    }
    return names;
  }

  #nameOf({ name, source, byUser }: Called, type: NumberType): string {
    const typed = type === 'f32' ? name : `${name}_${type}`;
    if (!byUser) return typed;
    if (!this.#sources.includes(source)) this.#sources.push(source);
    // the type before the name, because names end as they like
    const own = type === 'f32' ? name : `${type}_${name}`;
    return `user${this.#sources.indexOf(source)}${type === 'f32' ? '' : 't'}_${own}`;
  }

  #add(called: Called, type: NumberType): string {
    const { name, source, file, byUser } = called;
    const key = this.#nameOf(called, type);
    if (this.taken.has(key)) return key;
    const library = libraryOf(source);
    for (const each of library.directives) this.directives.add(each);
    const { tokens, uses } = library.declarations.get(name)!;
    this.taken.set(key, { text: '', original: name, file, byUser }); // at once: a local variable may have its name
    const names = new Map(uses.map((use) => [use, this.#add({ ...called, name: use }, type)]));
    names.set(name, key);
    if (type !== 'f32') names.set('f32', type);
    // an integer is never NaN
    const isWhole = !byUser && name === 'is_nan' && type !== 'f32';
    const text = isWhole
      ? `fn ${key}(a: ${type}) -> bool { return false; }`
      : textOf(renamed(tokens, names));
    this.taken.set(key, { text, original: name, file, byUser });
    for (const assertion of library.assertions) this.#add({ ...called, name: assertion }, type);
    return key;
  }
}
