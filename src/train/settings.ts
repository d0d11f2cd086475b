// Names of fit's settings, apart from fit so that code which only checks them need not load the training loop.
import { checkOptions, type Listed } from '../core/options.js';

/** What `fit` needs. */
export const NEEDED = 'model loss optimizer data epochs batchSize';
/** What else it may be given. */
export const OPTIONAL =
  'validation seed shuffle signal onStep reportEvery steps precision accuracy checkpoint resume onWarmUp';

const ofFit = new Set(`${NEEDED} ${OPTIONAL}`.split(' '));

/** Checks the options of a function that may be given all settings of a `fit`; those that it does not have are ignored. */
export function checkBesideFit<O extends object, N extends string, K extends string>(
  op: string,
  options: O,
  needed: N,
  known: K & Listed<O, N | K>,
): O {
  const names: string = known;
  const own = `${needed} ${names}`.split(' ');
  const left = Object.entries(Object(options)).filter(
    ([name]) => own.includes(name) || !ofFit.has(name),
  );
  checkOptions(op, options && Object.fromEntries(left), needed, names);
  return options;
}
