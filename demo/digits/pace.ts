// How long the digits' network trains, and how often the page is told of it. All times in milliseconds.

/** Epochs after which training stops; the next start adds as many again. */
export const EPOCHS = 10;
/** The share of the test digits that is looked at while training goes on. */
export const GLANCE = 0.1;
/** Time between two glances, and the part of the time that they may take. */
export const GLANCE_EVERY = 1000;
export const GLANCE_SHARE = 0.25;
/** Time between two classifications of the digit on the pad while training goes on. */
export const LOOK_EVERY = 150;
/** Time between two pictures of the inside, and between two searches for hard digits. */
export const PICTURE_EVERY = 600;
export const SEARCH_EVERY = 4000;
/** Time between two readings of the kernels' times. */
export const TIMES_EVERY = 1000;
/** How many hard digits are shown. */
export const HARD = 12;

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Work that is done again when so much time has passed since it ended; `ended` is when it did last. */
export function spaced(work: () => Promise<void>, every: number, ended: number) {
  let last = ended;
  return async (): Promise<void> => {
    if (performance.now() - last <= every) return;
    await work();
    last = performance.now();
  };
}
