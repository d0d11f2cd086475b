// Nested scopes of a function that is being written, and the names that expressions have in them.
import { isAtom, isNumber } from './lexer.js';

interface Scope {
  readonly lines: string[];
  /** The names of what is known in it, by expression or by node and index. */
  readonly names: Map<string, string>;
}

const emptyScope = (): Scope => ({ lines: [], names: new Map() });

/** Scopes nest (kernel, row, element). What is named in one is known in all inside it. */
export class Scopes {
  readonly #outermost = emptyScope();
  readonly #inner: Scope[] = [];
  /** How far inside a variable is known: 0 in the outermost scope. */
  readonly #depths = new Map<string, number>();
  #count = 0;

  /** Opens a scope whose variables are `variables`. */
  open(...variables: string[]): void {
    const depth = this.#inner.push(emptyScope());
    for (const variable of variables) this.#depths.set(variable, depth);
  }

  /** Closes the innermost scope and returns its statements. The outermost is returned too, and stays. */
  close(): string {
    const { lines } = this.#inner.pop() ?? this.#outermost;
    return lines.join('\n');
  }

  /** Adds a statement to the innermost scope. */
  push(statement: string): void {
    this.#at(this.#inner.length).lines.push(statement);
  }

  #at(depth: number): Scope {
    return this.#inner[depth - 1] ?? this.#outermost;
  }

  /** How far inside all of these variables are known; a number is known everywhere, an unknown word here alone. */
  depthOf(variables: readonly string[]): number {
    const here = this.#inner.length;
    const depths = variables.map(
      (variable) => this.#depths.get(variable) ?? (isNumber(variable) ? 0 : here),
    );
    return Math.max(0, ...depths);
  }

  /** Names an expression at a depth; what is one word needs no other name. */
  name(expression: string, depth: number): string {
    if (isAtom(expression)) return expression;
    return this.once(depth, expression, () => {
      const name = `v${this.#count++}`;
      this.#at(depth).lines.push(`let ${name} = ${expression};`);
      this.#depths.set(name, depth);
      return name;
    });
  }

  /** The name that goes by a key at a depth, made on first use. */
  once(depth: number, key: string, make: () => string): string {
    const { names } = this.#at(depth);
    const known = names.get(key);
    if (known !== undefined) return known;
    const name = make();
    names.set(key, name);
    return name;
  }
}
