// IEEE half precision: numbers from their 16 bits, and bits from numbers.

/** IEEE half to number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0
    ? sign * mantissa * 2 ** -24
    : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Number to IEEE half, round to nearest even. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude || 2 ** -15)));
  // adding and taking away 2⁵² rounds to the nearest whole number, ties to even
  const rounded = magnitude / 2 ** (exponent - 10) + 2 ** 52 - 2 ** 52;
  return sign | (rounded < 1024 ? rounded : (exponent + 15) * 1024 + rounded - 1024);
}
