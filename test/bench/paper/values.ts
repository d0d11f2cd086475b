// What the walk knows of a value: of indices and sizes the number, of data nothing but when they arrive.

/** Steps that follow one another, each waiting for a load: from buffers, and from workgroup memory. */
export interface Steps {
  readonly global: number;
  readonly shared: number;
}
export const none: Steps = { global: 0, shared: 0 };

/** Loads of workgroup memory that take as long as one of a buffer, about: it decides which of two paths is the longer one. */
const RATIO = 16;
const weight = ({ global, shared }: Steps): number => RATIO * global + shared;
export const later = (a: Steps, b: Steps): Steps => (weight(b) > weight(a) ? b : a);
export const plus = (a: Steps, b: Steps, times = 1): Steps => ({
  global: a.global + times * b.global,
  shared: a.shared + times * b.shared,
});

export interface Value {
  /** An integer, a truth value, a vector of integers; undefined where it depends on data, or is no integer. */
  readonly is: number | boolean | readonly number[] | undefined;
  readonly unsigned: boolean;
  /** Whether a compiler knows it. */
  readonly fixed: boolean;
  /** When it is there. */
  readonly at: Steps;
}
export const unknown = (at: Steps): Value => ({
  is: undefined,
  unsigned: false,
  fixed: false,
  at,
});
export const integer = (is: number, fixed = false): Value => ({
  is,
  unsigned: true,
  fixed,
  at: none,
});

/** The value of a literal; a float is not known, because nothing is decided by it. */
export function literal(text: string): Value {
  const isHex = text.startsWith('0x') || text.startsWith('0X');
  const suffix = text.at(-1) ?? '';
  const isFloat = isHex
    ? text.includes('.')
    : '.eEfh'.split('').some((sign) => text.includes(sign));
  if (isFloat) return { is: undefined, unsigned: false, fixed: true, at: none };
  const digits = suffix === 'u' || suffix === 'i' ? text.slice(0, -1) : text;
  return { is: Number(digits), unsigned: suffix === 'u', fixed: true, at: none };
}

type Operation = (a: number, b: number) => number | boolean | undefined;
const operations: Readonly<Record<string, Operation>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0 ? undefined : Math.trunc(a / b)),
  '%': (a, b) => (b === 0 ? undefined : a % b),
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >>> b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
};
const logical = new Set(['&', '|', '&&', '||', '==', '!=']);

/** What a truth value and another, which may be unknown, come to. */
function decide(operator: string, a: Value['is'], b: Value['is']): boolean | undefined {
  const isAnd = operator.startsWith('&');
  const decisive = !isAnd;
  if (operator.startsWith('&') || operator.startsWith('|')) {
    if (a === decisive || b === decisive) return decisive;
    return a === undefined || b === undefined ? undefined : !decisive;
  }
  if (a === undefined || b === undefined) return undefined;
  return operator === '==' ? a === b : a !== b;
}

export function binary(operator: string, a: Value, b: Value): Value {
  const unsigned = a.unsigned || b.unsigned;
  const about = { unsigned, fixed: a.fixed && b.fixed, at: later(a.at, b.at) };
  const isTruth = typeof a.is === 'boolean' || typeof b.is === 'boolean';
  if (isTruth && logical.has(operator)) return { ...about, is: decide(operator, a.is, b.is) };
  if (Array.isArray(a.is) || Array.isArray(b.is)) return { ...about, is: vector(operator, a, b) };
  if (typeof a.is !== 'number' || typeof b.is !== 'number') return { ...about, is: undefined };
  const is = operations[operator]?.(a.is, b.is);
  return { ...about, is: typeof is === 'number' && unsigned ? is >>> 0 : is };
}

/** Integers one by one; a number stands for a vector of it. */
function vector(operator: string, a: Value, b: Value): number[] | undefined {
  const length = Array.isArray(a.is) ? a.is.length : (b.is as readonly number[]).length;
  const lane = ({ is }: Value, i: number): number | undefined =>
    Array.isArray(is) ? is[i] : typeof is === 'number' ? is : undefined;
  const results = Array.from({ length }, (_, i) => {
    const [x, y] = [lane(a, i), lane(b, i)];
    return x === undefined || y === undefined ? undefined : operations[operator]?.(x, y);
  });
  return results.every((each) => typeof each === 'number') ? (results as number[]) : undefined;
}

const numbers = (values: readonly Value[]): number[] | undefined => {
  const all = values.map(({ is }) => is);
  return all.every((each) => typeof each === 'number') ? (all as number[]) : undefined;
};

/** A function of WGSL's own, as far as it decides indices. */
export function builtin(name: string, operands: readonly Value[]): Value {
  const about = {
    unsigned: name === 'u32' || (name !== 'i32' && operands.some(({ unsigned }) => unsigned)),
    fixed: operands.every(({ fixed }) => fixed),
    at: operands.reduce((at, each) => later(at, each.at), none),
  };
  return { ...about, is: computed(name, operands) };
}

function computed(name: string, operands: readonly Value[]): Value['is'] {
  const [first, second, third] = operands;
  if (name === 'select') {
    if (typeof third?.is === 'boolean') return third.is ? second?.is : first?.is;
    return undefined;
  }
  if ((name === 'u32' || name === 'i32') && typeof first?.is === 'boolean') return Number(first.is);
  const known = numbers(operands);
  if (!known) return undefined;
  switch (name) {
    case 'u32':
    case 'i32':
      return known[0];
    case 'min':
      return Math.min(...known);
    case 'max':
      return Math.max(...known);
    case 'clamp':
      return Math.min(Math.max(known[0]!, known[1]!), known[2]!);
    case 'vec2u':
    case 'vec3u':
    case 'vec4u':
    case 'vec2':
    case 'vec3':
    case 'vec4': {
      const length = Number(name[3]);
      return known.length === length ? known : Array<number>(length).fill(known[0] ?? 0);
    }
    case 'firstLeadingBit':
      return known[0]! > 0 ? 31 - Math.clz32(known[0]!) : undefined;
    default:
      return undefined;
  }
}
