import { DeviceError } from '../errors.js';

type WgslFunction = { readonly text: string; readonly calls: readonly string[] };

const parsed = new Map<string, ReadonlyMap<string, WgslFunction>>();

/** The functions of a WGSL text, by name; each ends with the last brace before the next. */
function functionsOf(source: string): ReadonlyMap<string, WgslFunction> {
  const known = parsed.get(source);
  if (known) return known;
  const code = source.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, '');
  const texts = [...code.matchAll(/\bfn\s+(\w+)\s*\((?:(?!\bfn\s)[\s\S])*}/g)].map(
    ([text, name]) => [name!, text] as const,
  );
  const callsIn = (name: string, text: string): string[] =>
    texts.flatMap(([other]) => (other !== name && new RegExp(`\\b${other}\\s*\\(`).test(text) ? [other] : []));
  const functions = new Map(texts.map(([name, text]) => [name, { text, calls: callsIn(name, text) }]));
  parsed.set(source, functions);
  return functions;
}

/** The WGSL functions that one kernel calls, with their helpers, each once: texts by name. */
export type Vocabulary = Map<string, string>;

/**
 * Takes a function, and what it calls, from a source. For i32 and u32 operands its f32s are rewritten.
 * Returns the name to call. Throws DeviceError when the source lacks it, or another function has the name.
 */
export function take(into: Vocabulary, name: string, source: string, type: 'f32' | 'i32' | 'u32' = 'f32'): string {
  const found = functionsOf(source).get(name);
  if (!found)
    throw new DeviceError(
      `kernel ${name}: its WGSL holds no 'fn ${name}('; define it in the source given to pointwise`,
    );
  const key = type === 'f32' ? name : `${name}_${type}`;
  // an integer is never NaN
  const whole = found.text.replace(/\bf32\b/g, type).replace(/\bis_nan\(\w+\)/g, 'false');
  const text = type === 'f32' ? found.text : whole.replace(new RegExp(`\\b${name}\\b`), key);
  if ((into.get(key) ?? text) !== text)
    throw new DeviceError(`kernel ${name}: two different WGSL functions have this name; rename yours`);
  if (!into.has(key)) for (const call of found.calls) take(into, call, source);
  into.set(key, text);
  return key;
}

/** Takes every function of a source. */
export function takeAll(into: Vocabulary, source: string): void {
  for (const name of functionsOf(source).keys()) take(into, name, source);
}

/**
 * The one repeat macro of the shader skeletons: lines between `//:repeat i COUNT` and `//:end` are written out
 * COUNT times with ${i} replaced by 0, 1, …; COUNT is a number or a name in `sizes`. Blocks nest.
 */
function expandRepeats(template: string, sizes: Readonly<Record<string, number>>): string {
  const innermost = /^[ \t]*\/\/:repeat (\w+) (\w+).*\n((?:(?![ \t]*\/\/:repeat).*\n)*?)[ \t]*\/\/:end.*\n?/m;
  let text = template;
  while (innermost.test(text))
    text = text.replace(innermost, (_, name: string, count: string, body: string) =>
      Array.from({ length: sizes[count] ?? Number(count) }, (_, i) => body.replaceAll(`\${${name}}`, `${i}`)).join(''),
    );
  return text;
}

/** Fills a skeleton: `//:name` lines become the named parts, repeats are expanded, comments go, sizes become consts. */
export function fillSkeleton(
  template: string,
  parts: Readonly<Record<string, string>>,
  sizes: Readonly<Record<string, number>>,
): string {
  const filled = template.replace(/^\s*\/\/:(?!repeat|end)(\w+)\s*$/gm, (_, name: string) => parts[name] ?? '');
  const prelude = Object.entries(sizes).map(([name, value]) => `const ${name} = ${value}u;`);
  const body = expandRepeats(filled, sizes).replace(/^\s*\/\/.*\n|\s*\/\/.*$/gm, '');
  const enable = /\bf16\b/.test(body) ? 'enable f16;\n' : '';
  return `${enable}${prelude.join('\n')}\n${body}`.replace(/\n\s*\n/g, '\n');
}
