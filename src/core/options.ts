// Checks of option objects: unknown names, missing names, choices.
import { describe } from './bytes.js';
import { NablaError } from './errors.js';

/** The words of a text: those of 'a b' are 'a' and 'b'. */
type Words<S extends string> = S extends `${infer First} ${infer Rest}`
  ? Words<First> | Words<Rest>
  : Exclude<S, ''>;
/** The names of an object's fields, of each kind of it. */
type Names<O> = O extends unknown ? keyof O & string : never;
/** Names that are forgotten, or misspelt, in a list `S` of those of `O`. */
type Wrong<O, S extends string> = Exclude<Names<O>, Words<S>> | Exclude<Words<S>, Names<O>>;
/** Anything, unless names are wrong; lists that are known only when they run are taken as they are. */
export type Listed<O, S extends string> = string extends S
  ? unknown
  : Wrong<O, S> extends infer W
    ? [W] extends [never]
      ? unknown
      : { readonly wrong: W }
    : never;

/**
 * The options; throws unless they are an object with all that is needed and nothing that is not `known`: a misspelt option
 * must not pass for a default. Names are separated by spaces; it does not compile unless they are those of the options' type.
 */
export function checkOptions<O extends object, N extends string, K extends string>(
  op: string,
  options: O,
  needed: N,
  known: K & Listed<O, N | K>,
): O {
  const names = `${needed} ${known}`.split(' ').filter(Boolean);
  const fail = (fact: string): never => {
    throw new NablaError(`${op}: ${fact}; pass an object of ${names.join(', ') || 'options'}`);
  };
  if (typeof options !== 'object' || options === null) fail(`options are ${String(options)}`);
  // first of all what is misspelt, because that is why something is missing
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) fail(`there is no option '${unknown}'`);
  const missing = needed
    .split(' ')
    .find((name) => name && Reflect.get(options, name) === undefined);
  if (missing) fail(`${missing} is missing`);
  return options;
}

/** The choice, if it is one of the choices; else throws NablaError. */
export function checkChoice<T extends string>(
  op: string,
  what: string,
  choice: T,
  choices: readonly string[],
): T {
  if (choices.includes(choice)) return choice;
  const named = choices.map((each) => `'${each}'`).join(', ');
  throw new NablaError(
    `${op}: ${what} is '${String(choice)}'; use ${named.replace(/, (?=[^,]*$)/, ' or ')}`,
  );
}

/** Throws NablaError for values that are no numbers in [low, high). Infinity is none. */
export function checkNumbers(
  op: string,
  values: Readonly<Record<string, number>>,
  low = 0,
  high = Infinity,
): void {
  for (const [what, value] of Object.entries(values))
    if (typeof value !== 'number' || !(value >= low && value < high))
      throw new NablaError(
        `${op}: ${what} is ${describe(value)}; give a number in [${low}, ${high})`,
      );
}
