// Reads the text of a kernel: the lexer's tokens become the tree of syntax.ts.
import { codeOf, tokensOf } from '../../../src/wgsl/lexer.js';
import type {
  Block,
  Expression,
  Loop,
  Module,
  Parameter,
  Space,
  Statement,
  Subroutine,
} from './syntax.js';

/** Binary operators, those that bind least first. */
const precedence = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const templated = /^(vec[234]|mat[234]x[234]|array|ptr|atomic|bitcast|subgroup\w*)$/;
const one: Expression = { kind: 'number', text: '1' };

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = codeOf(tokensOf(text)).map((token) => token.text);
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? '';
  }

  #next(): string {
    return this.#tokens[this.#at++] ?? '';
  }

  /** Takes a text of one or more symbols if it comes next. */
  take(text: string): boolean {
    const isWord = this.#peek() === text;
    if (!isWord && ![...text].every((symbol, i) => this.#peek(i) === symbol)) return false;
    this.#at += isWord ? 1 : text.length;
    return true;
  }

  #need(text: string): void {
    if (!this.take(text))
      throw new SyntaxError(`WGSL: ${this.#peek() || 'the end'} where ${text} is expected`);
  }

  /** Skips `< … >`; returns its words, the first of which is a variable's address space. */
  #template(): string[] {
    const words: string[] = [];
    if (!this.take('<')) return words;
    for (let depth = 1; depth > 0; ) {
      const token = this.#next();
      if (token === '<') depth++;
      else if (token === '>') depth--;
      else if (token === '') throw new SyntaxError('WGSL: a template without an end');
      else words.push(token);
    }
    return words;
  }

  #type(): void {
    this.#next();
    this.#template();
  }

  /** Comma-separated items up to a closing symbol, which is taken. */
  #list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.take(close)) {
      items.push(item());
      this.take(',');
    }
    return items;
  }

  expression(level = 0): Expression {
    const operators = precedence[level];
    if (!operators) return this.#unary();
    let left = this.expression(level + 1);
    for (;;) {
      const operator = operators.find((each) => this.#isOperator(each));
      if (!operator) return left;
      this.#at += operator.length;
      left = { kind: 'binary', operator, left, right: this.expression(level + 1) };
    }
  }

  /** Whether this operator comes next, and no longer one: `a & b`, but not `a && b` or `a &= b`. */
  #isOperator(text: string): boolean {
    if (![...text].every((symbol, i) => this.#peek(i) === symbol)) return false;
    const after = this.#peek(text.length);
    if (after === '=') return text.length === 2 && text !== '<<' && text !== '>>';
    return text.length === 2 || after !== text || !'<>&|'.includes(text);
  }

  #unary(): Expression {
    const operator = this.#peek();
    if (!'-!~&*'.includes(operator) || operator === '') return this.#postfix(this.#primary());
    this.#next();
    return { kind: 'unary', operator, operand: this.#unary() };
  }

  #primary(): Expression {
    const token = this.#next();
    if (token === '(') {
      const inner = this.expression();
      this.#need(')');
      return inner;
    }
    if (/^[\d.]/.test(token)) return { kind: 'number', text: token };
    if (templated.test(token)) this.#template();
    if (!this.take('(')) return { kind: 'name', name: token };
    return { kind: 'call', name: token, operands: this.#list(')', () => this.expression()) };
  }

  #postfix(base: Expression): Expression {
    if (this.take('.')) return this.#postfix({ kind: 'member', base, name: this.#next() });
    if (!this.take('[')) return base;
    const at = this.expression();
    this.#need(']');
    return this.#postfix({ kind: 'index', base, at });
  }

  block(): Block {
    this.#need('{');
    const body: Statement[] = [];
    while (!this.take('}')) body.push(...this.#statement());
    return body;
  }

  #statement(): Statement[] {
    if (this.take(';')) return [];
    if (this.#peek() === '{') return [{ kind: 'block', body: this.block() }];
    if (this.take('if')) return [this.#if()];
    if (this.take('for')) return [this.#for()];
    if (this.take('while')) {
      const condition = this.expression();
      return [{ kind: 'loop', start: [], condition, update: [], body: this.block() }];
    }
    if (this.take('loop'))
      return [{ kind: 'loop', start: [], condition: undefined, update: [], body: this.block() }];
    const simple = this.#simple();
    this.#need(';');
    return [simple];
  }

  #if(): Statement {
    const condition = this.expression();
    const then = this.block();
    if (!this.take('else')) return { kind: 'if', condition, then, otherwise: [] };
    const otherwise = this.take('if') ? [this.#if()] : this.block();
    return { kind: 'if', condition, then, otherwise };
  }

  #for(): Loop {
    this.#need('(');
    const start = this.#peek() === ';' ? [] : [this.#simple()];
    this.#need(';');
    const condition = this.#peek() === ';' ? undefined : this.expression();
    this.#need(';');
    const update = this.#peek() === ')' ? [] : [this.#simple()];
    this.#need(')');
    return { kind: 'loop', start, condition, update, body: this.block() };
  }

  /** A statement without its semicolon. */
  #simple(): Statement {
    const word = this.#peek();
    if (word === 'let' || word === 'var' || word === 'const') return this.declaration();
    if (this.take('break')) return { kind: 'break' };
    if (this.take('continue')) return { kind: 'continue' };
    if (this.take('return'))
      return { kind: 'return', value: this.#peek() === ';' ? undefined : this.expression() };
    const target = this.#unary();
    if (this.take('++')) return { kind: 'assign', target, operator: '+', value: one };
    if (this.take('--')) return { kind: 'assign', target, operator: '-', value: one };
    const operator = precedence.flat().find((each) => this.take(`${each}=`));
    if (!operator && !this.take('=')) return { kind: 'evaluate', value: target };
    return { kind: 'assign', target, operator, value: this.expression() };
  }

  /** `let`, `var` or `const` with a name, and what follows up to the semicolon. */
  declaration(): Extract<Statement, { kind: 'declare' }> & { readonly space: string | undefined } {
    this.#next();
    const [space] = this.#template();
    const name = this.#next();
    if (this.take(':')) this.#type();
    return { kind: 'declare', name, space, value: this.take('=') ? this.expression() : undefined };
  }

  /** Attributes; of each its arguments. */
  attributes(): Map<string, Expression[]> {
    const found = new Map<string, Expression[]>();
    while (this.take('@')) {
      const name = this.#next();
      found.set(name, this.take('(') ? this.#list(')', () => this.expression()) : []);
    }
    return found;
  }

  function(): [name: string, Subroutine] {
    const name = this.#next();
    this.#need('(');
    const parameters = this.#list(')', (): Parameter => {
      const [builtin] = this.attributes().get('builtin') ?? [];
      const parameter = this.#next();
      this.#need(':');
      this.#type();
      return { name: parameter, builtin: builtin?.kind === 'name' ? builtin.name : undefined };
    });
    if (this.take('-') && this.take('>')) {
      this.attributes();
      this.#type();
    }
    return [name, { parameters, body: this.block() }];
  }

  /** Skips what says nothing about work: `enable f16;`, aliases, structs. */
  skip(): void {
    for (let depth = 0; !this.done; ) {
      const token = this.#next();
      if (token === '{') depth++;
      if (token === '}') depth--;
      if (depth === 0 && (token === ';' || token === '}')) return;
    }
  }

  get word(): string {
    return this.#peek();
  }
}

/** Reads the text of a kernel. */
export function moduleOf(text: string): Module {
  const parser = new Parser(text);
  const constants = new Map<string, Expression>();
  const variables = new Map<string, Space>();
  const functions = new Map<string, Subroutine>();
  let entry: Subroutine | undefined;
  let size: Expression[] = [];
  while (!parser.done) {
    const attributes = parser.attributes();
    if (parser.take('fn')) {
      const [name, found] = parser.function();
      functions.set(name, found);
      if (!attributes.has('compute')) continue;
      entry = found;
      size = attributes.get('workgroup_size') ?? [];
    } else if (parser.word === 'var') {
      const { name, space } = parser.declaration();
      variables.set(name, space === 'storage' || space === 'workgroup' ? space : 'private');
    } else if (parser.word === 'const') {
      const { name, value } = parser.declaration();
      if (value) constants.set(name, value);
    } else parser.skip();
  }
  if (!entry) throw new SyntaxError('WGSL: no entry point');
  return { constants, variables, functions, entry, size };
}
