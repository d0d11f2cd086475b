// What the compiler knows of an op beside its rules: how its elements are placed, and how they are computed.

/** All elements in their order under another shape, repeated, with axes exchanged, a block of them, or just the same. */
export type View = 'reshape' | 'repeat' | 'permute' | 'block' | 'same';

/** How an op places the elements of its inputs. */
export interface PlaceTraits {
  /** The elements are those of the first input. */
  readonly view?: View;
  /** A matmul reads its operand through this view, of an index kernel, instead of having it stored first. */
  readonly readsInPlace?: boolean;
  /** Its inputs lie in it as they are: side by side along `options.axis`, or the first within a frame of `options.value`. */
  readonly contains?: 'joined' | 'framed';
  /** Whole numbers pass through it unchanged. */
  readonly passesIntegers?: boolean;
}

/** What computing one element once more costs: nothing but its place, an operation or two, more, or a hundred. */
export type Cost = 'free' | 'cheap' | 'dear' | 'heavy';

/** How an op computes an element. */
export interface ComputationTraits {
  /** What computing it again in another kernel costs, where storing it is the alternative: 'dear' where it does not say. */
  readonly cost?: Cost;
  /** false: it is computed once and stored, never again in the kernels that read it. */
  readonly recomputable?: boolean;
  /** A number which, as the right operand, leaves the left one as it is. */
  readonly neutral?: number;
  /** The operands may be exchanged. */
  readonly commutes?: boolean;
  /** It is composed of matrix products of its inputs: mixed precision rounds these. */
  readonly multiplies?: boolean;
  /** Floats that it compares must be read from where they were stored: computed again they may differ in a bit. */
  readonly comparesBits?: boolean;
}
