// Finds the function that a line of WGSL lies in, for messages about it.
import { textOf, tokensOf } from './lexer.js';
import { headOf, statementsOf } from './library.js';

/** The function that a line of a text, from 1, lies in, and the line on which it begins. */
export function functionAt(
  text: string,
  line: number,
): { readonly name: string; readonly line: number } | undefined {
  let at = 1;
  for (const statement of statementsOf(tokensOf(text), true)) {
    const begin = at;
    at += textOf(statement).split('\n').length - 1;
    const head = headOf(statement);
    if (line >= begin && line <= at && head?.keyword === 'fn')
      return { name: head.name, line: begin };
  }
  return undefined;
}
