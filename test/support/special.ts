// NaN, infinities, zeros and other numbers at which functions change their nature, and what counts as the same result.

const nan = Number.NaN;
export const inf = Number.POSITIVE_INFINITY;

/** What kind of number it is in f32; what is too small for full precision may be taken for 0. */
export const kind = (x: number): string => {
  const single = Math.fround(x);
  if (!Number.isFinite(single)) return String(single);
  return Math.abs(single) < 2 ** -126 ? '0' : String(Math.sign(single));
};

/** Numbers at which functions change their nature, as f32; none below 2⁻¹²⁶, which adapters may take for 0. */
export const specials = [
  0,
  -0,
  0.01,
  0.1,
  0.5,
  1,
  1.5,
  2,
  3,
  88.7,
  88.8,
  100,
  65504,
  2 ** -126,
  1e-30,
  2 ** 24,
  1e30,
  3e38,
  inf,
  nan,
]
  .flatMap((x) => (Object.is(x, 0) || Object.is(x, -0) || Number.isNaN(x) ? [x] : [x, -x]))
  .map(Math.fround);

/** Whether a result is the reference's: of its kind, and within a part in a thousand, or less than any normal number. */
export const agrees = (result: number, wanted: number): boolean =>
  kind(result) === kind(wanted) &&
  (!Number.isFinite(Math.fround(wanted)) ||
    Math.abs(result - wanted) <= 1e-3 * Math.abs(wanted) + 2 ** -125);
