// How tensors and engines are shown by console.log, in Node and in browsers.

/** Node's `console.log` and `util.inspect` call a method of this name; nothing of Node is imported for it. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** The object, which Node's console shows as `text()`: read when it is printed, not before. */
export function printedAs<T extends object>(object: T, text: () => string): T {
  return Object.defineProperty(object, INSPECT, { value: text, configurable: true });
}

/** What an object prints of itself; another text where it has none. */
export function printed(object: object, otherwise: string): string {
  const own: unknown = Reflect.get(object, INSPECT);
  return typeof own === 'function' ? String(own.call(object)) : otherwise;
}
