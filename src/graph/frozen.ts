// Copies and freezes what nodes hold, so that no caller can change a graph afterwards.

/** The list, if nobody can write to it any more; else a copy that nobody can. */
export function frozenList<T>(list: readonly T[]): readonly T[] {
  return Object.isFrozen(list) ? list : Object.freeze(list.slice());
}

/** Lists are copied, records of data frozen; typed arrays and tensors are neither and stay what they are. */
function frozenValue(value: object): object {
  if (Array.isArray(value))
    return value.some(isObject) ? Object.freeze(value.map(frozenEntry)) : frozenList(value);
  return Object.getPrototypeOf(value) === Object.prototype ? frozenOptions({ ...value }) : value;
}
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const frozenEntry = (value: unknown): unknown => (isObject(value) ? frozenValue(value) : value);

const nothing = Object.freeze({});

/** An op's own record of options, frozen with all that is in it; what a caller may own is copied first. */
export function frozenOptions<O extends object>(options: O): O;
export function frozenOptions(options: { [name: string]: unknown }): object {
  if (Object.isFrozen(options)) return options;
  let isEmpty = true;
  for (const name in options) {
    isEmpty = false;
    const value = options[name];
    if (isObject(value)) options[name] = frozenValue(value);
  }
  return isEmpty ? nothing : Object.freeze(options);
}
