// What the compiler knows of an op beside its rules: how its elements are placed, and how they are computed.

/** All elements in their order under another shape, repeated, with axes exchanged, a block of them, or just the same. */
export type View = 'reshape' | 'repeat' | 'permute' | 'block' | 'same';

/** How an op places the elements of its inputs. */
export interface PlaceTraits {
  /** The elements are those of the first input. */
  readonly view?: View;
  /** Its inputs lie in it as they are: side by side along `options.axis`, or the first within a frame of `options.value`. */
  readonly contains?: 'joined' | 'framed';
  /** Whole numbers pass through it unchanged. */
  readonly passesIntegers?: boolean;
}

/** What computing one element once more costs: nothing but its place, an operation or two, more, or a hundred. */
export type Cost = 'free' | 'cheap' | 'dear' | 'heavy';

/** How an op computes an element. */
export interface ComputationTraits {
  /** Whether an expression may be computed again in another kernel instead of being stored: 'dear' where it does not say. */
  readonly cost?: Cost;
  /** A number which, as the right operand, leaves the left one as it is. */
  readonly neutral?: number;
  /** The operands may be exchanged. */
  readonly commutes?: boolean;
  /** It is composed of matrix products of its inputs: mixed precision rounds these. */
  readonly multiplies?: boolean;
  /** Floats that it compares must be read from where they were stored: computed again they may differ in a bit. */
  readonly comparesBits?: boolean;
}
