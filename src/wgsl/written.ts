// Kernels that are written out in WGSL: of their text, what the entry point reaches.
import { DeviceError, NablaError } from '../core/errors.js';
import type { Code } from './kernel.js';
import { codeOf, type Token, textOf } from './lexer.js';
import { libraryOf, Vocabulary } from './library.js';

/** The names of a text's declarations that one of them reaches, itself included. */
function reached(source: string, entry: string): ReadonlySet<string> {
  const { declarations, assertions } = libraryOf(source);
  const names = new Set([entry, ...assertions]);
  // a set is walked over what is added on the way too
  for (const name of names) for (const use of declarations.get(name)?.uses ?? []) names.add(use);
  return names;
}

/** A number as a constant: a whole one fits where u32, i32 and f32 are wanted, all others where f32 is. */
function constant(op: string, [name, value]: readonly [string, number | undefined]): string {
  if (typeof value === 'number' && Number.isFinite(value))
    return `const ${name} = ${Number.isSafeInteger(value) ? value : value.toExponential()};`;
  throw new NablaError(`${op}: its constant ${name} is ${value}; give a finite number`);
}

/** Whether code takes one of these arrays as a whole, for a pointer or a copy: other than by an element, `name[`. */
function takesWhole(tokens: readonly Token[], names: ReadonlySet<string>): boolean {
  const code = codeOf(tokens);
  return code.some(({ text }, at) => names.has(text) && code[at + 1]?.text !== '[');
}

/**
 * The code of a written kernel over these buffers: its numbers as constants, and of its text what the entry point mentions.
 * Throws DeviceError where the text has no such function, NablaError for a constant that is no finite number.
 */
export function writtenCode(
  op: string,
  source: string,
  entry: string,
  constants: Readonly<Record<string, number | undefined>>,
  buffers: readonly string[] = [],
): Code {
  const library = libraryOf(source);
  if (library.declarations.get(entry)?.keyword !== 'fn')
    throw new DeviceError(
      `${op}: its WGSL holds no 'fn ${entry}('; name its entry point so, or say which it is with entry`,
    );
  const names = reached(source, entry);
  const texts = Array.from(
    library.declarations,
    ([name, { tokens }]) => [name, textOf(tokens)] as const,
  );
  const own = texts.filter(([name]) => names.has(name) && name !== entry);
  const numbers = Object.entries(constants).map((each) => [each[0], constant(op, each)] as const);
  const vocabulary = new Vocabulary();
  for (const directive of library.directives) vocabulary.directives.add(directive);
  return {
    ...{ size: [], parameters: [], constants: {}, body: '', extensions: [], vocabulary },
    declarations: new Map([...numbers, ...own]),
    entry: new Map(texts).get(entry),
    takesWholes: [...names].some((name) =>
      takesWhole(library.declarations.get(name)?.tokens ?? [], new Set(buffers)),
    ),
  };
}
