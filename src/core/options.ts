// Checks of option objects: unknown names, missing names, choices.
import { NablaError } from './errors.js';

/**
 * The options; throws unless they are an object with all that is needed and, where `known` names the rest, nothing else: a
 * misspelt option must not pass for a default. Names are separated by spaces.
 */
export function checkOptions<O extends object>(
  op: string,
  options: O,
  needed = '',
  known?: string,
): O {
  const names = `${needed} ${known ?? ''}`.split(' ').filter(Boolean);
  const fail = (fact: string): never => {
    throw new NablaError(`${op}: ${fact}; pass an object of ${names.join(', ') || 'options'}`);
  };
  if (typeof options !== 'object' || options === null) fail(`options are ${String(options)}`);
  // first of all what is misspelt, because that is why something is missing
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (known !== undefined && unknown !== undefined) fail(`there is no option '${unknown}'`);
  const missing = needed.split(' ').find((name) => name && options[name as keyof O] === undefined);
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
