// A hash of whole numbers, for what must come out the same everywhere and need not withstand attacks.

/** FNV-1a of 32 bits: the hash of nothing is `start`. */
export function fnv1a(numbers: Iterable<number>, start = 0x811c9dc5): number {
  let hash = start;
  for (const number of numbers) hash = Math.imul(hash ^ number, 0x01000193);
  return hash >>> 0;
}

/** The UTF-16 codes of a text, to be hashed. */
export const codesOf = (text: string): number[] =>
  Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
