// Names of fit's settings, apart from fit so that code which only checks them need not load the training loop.
import { checkOptions } from '../core/options.js';

/** What `fit` needs. */
export const NEEDED = 'model loss optimizer data epochs batchSize';
/** What else it may be given. */
export const OPTIONAL =
  'validation seed shuffle signal onStep reportEvery steps precision accuracy resume onWarmUp';

const ofFit = new Set(`${NEEDED} ${OPTIONAL}`.split(' '));

/** Checks the options of a function that may be given all settings of a `fit`; those that it does not have are ignored. */
export function checkBesideFit<O extends object>(
  op: string,
  options: O,
  needed: string,
  known: string,
): O {
  const own = `${needed} ${known}`.split(' ');
  const isChecked = (name: string): boolean => own.includes(name) || !ofFit.has(name);
  const left = Object.entries(Object(options)).filter(([name]) => isChecked(name));
  checkOptions(op, options && Object.fromEntries(left), needed, known);
  return options;
}
