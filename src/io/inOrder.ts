// Queues of asynchronous work by name, for work that must not overlap, such as two saves of one file.

/** Runs work for one key after the other, in the order of the calls; work for other keys does not wait. */
export function queues() {
  const last = new Map<string, Promise<unknown>>();
  return <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = last.get(key) ?? Promise.resolve();
    const result = before.then(work, work); // also where the work before failed
    const forget = (): void => {
      if (last.get(key) === result) last.delete(key);
    };
    last.set(key, result);
    result.then(forget, forget);
    return result;
  };
}
