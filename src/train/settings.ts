// The names of fit's settings, apart from it: a checkpoint takes them whole without holding the loop.

/** What `fit` needs. */
export const NEEDED = 'model loss optimizer data epochs batchSize';
/** What it may be given beside. */
export const OPTIONAL = 'validation seed shuffle signal onStep reportEvery steps precision accuracy resume onWarmUp';
