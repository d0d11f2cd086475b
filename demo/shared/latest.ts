/** Work that is asked for while it is under way runs once more: of several requests at one time, only the last matters. */
export function latest(work: () => Promise<void>): () => Promise<void> {
  let [isRunning, isAsked] = [false, false];
  return async () => {
    isAsked = true;
    if (isRunning) return;
    isRunning = true;
    while (isAsked) {
      isAsked = false;
      await work();
    }
    isRunning = false;
  };
}
