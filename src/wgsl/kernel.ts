// A kernel as structure: constants, functions, an entry point. It becomes text once, here.
import { codeOf, renamed, type Token, textOf, tokensOf } from './lexer.js';
import { headOf, statementsOf, Vocabulary } from './library.js';
import { expand, type Node, type Parts, type Sizes, templateOf } from './template.js';

/** A built-in value that an entry point takes, and what the kernel calls it. */
export interface Parameter {
  readonly builtin: string;
  readonly name: string;
  readonly type: string;
}

/** How the invocations of a kernel begin. */
interface Start {
  /** Invocations of a workgroup along x and y: numbers, or names of constants. */
  readonly size: readonly string[];
  readonly parameters: readonly Parameter[];
}

/** What a kernel says, apart from the buffers that it binds. */
export interface Code extends Start {
  readonly constants: Sizes;
  /** Library functions. */
  readonly vocabulary: Vocabulary;
  /** Functions, workgroup variables and types of this kernel alone, by name. */
  readonly declarations: ReadonlyMap<string, string>;
  /** Statements of the entry point. */
  readonly body: string;
  /** The whole entry point, where it was written out: size, parameters and body are then empty. */
  readonly entry?: string | undefined;
  /** Extensions of WGSL that it uses, as `enable` names them. */
  readonly extensions: readonly string[];
  /** Whether it takes arrays that it binds as wholes, not by their elements alone: they keep their lengths then. */
  readonly takesWholes?: boolean;
}

/** A skeleton's own functions, and its entry point `main`, as templates. */
interface Skeleton extends Start {
  readonly functions: ReadonlyMap<string, readonly Node[]>;
  readonly body: readonly Node[];
}

const isToken = (node: Node): node is Token =>
  node.kind !== 'repeat' && node.kind !== 'part' && node.kind !== 'counter';

/** Reads `@compute @workgroup_size(x, y) fn main(@builtin(…) name: type, …) { body }`. */
function entryOf(statement: readonly Node[]): Start & Pick<Skeleton, 'body'> {
  const code = codeOf(statement.filter(isToken)).map(({ text }) => text);
  const sized = code.indexOf('workgroup_size') + 2;
  const size = code.slice(sized, code.indexOf(')', sized)).filter((text) => text !== ',');
  const parameters = code.flatMap((text, at): Parameter[] => {
    if (text !== 'builtin') return [];
    // builtin ( what ) name : type
    const [builtin, , name, , type] = code.slice(at + 2, at + 7);
    return builtin && name && type ? [{ builtin, name, type }] : [];
  });
  const body = statement.findIndex((node) => isToken(node) && node.text === '{');
  return { size, parameters, body: statement.slice(body + 1, -1) };
}

const skeletons = new Map<string, Skeleton>();

/** Reads a file of shaders/ that declares an entry point, once. */
function skeletonOf(source: string): Skeleton {
  const known = skeletons.get(source);
  if (known) return known;
  const statements = statementsOf(templateOf(source));
  const named = new Map(
    statements.map((nodes) => [headOf(nodes.filter(isToken))?.name ?? '', nodes]),
  );
  const main = named.get('main') ?? [];
  named.delete('main');
  const skeleton = { ...entryOf(main), functions: named };
  skeletons.set(source, skeleton);
  return skeleton;
}

/** What fills a skeleton. */
export interface Filling {
  readonly parts: Parts;
  readonly constants: Sizes;
  readonly vocabulary: Vocabulary;
  /** Declarations beside the skeleton's own, by name. */
  readonly declarations?: ReadonlyMap<string, string>;
  readonly extensions?: readonly string[];
}

/** The code of a skeleton with its parts. */
export function fill(source: string, filling: Filling): Code {
  const {
    parts,
    constants,
    vocabulary,
    declarations = new Map<string, string>(),
    extensions = [],
  } = filling;
  const { functions, size, parameters, body } = skeletonOf(source);
  const own = Array.from(
    functions,
    ([name, nodes]) => [name, expand(nodes, parts, constants)] as const,
  );
  const all = new Map([...declarations, ...own]);
  return {
    ...{ size, parameters, constants, vocabulary, extensions },
    declarations: all,
    body: expand(body, parts, constants),
  };
}

const signature = ({ parameters }: Start, attributes: boolean): string =>
  parameters
    .map(({ builtin, name, type }) => {
      const attribute = attributes ? `@builtin(${builtin}) ` : '';
      return `${attribute}${name}: ${type}`;
    })
    .join(', ');

/** Text with names replaced. */
const rename = (text: string, names: ReadonlyMap<string, string>): string =>
  textOf(renamed(tokensOf(text), names));

/** Variables in the memory of a workgroup, with numbers for constants: kernels have constants of one name and other values. */
function memoryOf({ declarations, constants }: Code): Map<string, string> {
  const numbers = new Map(Object.entries(constants).map(([name, value]) => [name, `${value}u`]));
  const variables = [...declarations].filter(([, text]) => text.startsWith('var<workgroup>'));
  return new Map(variables.map(([name, text]) => [name, rename(text, numbers)]));
}

/** Whether a kernel has memory of workgroups. */
export const hasMemory = (code: Code): boolean => memoryOf(code).size > 0;

/** Whether kernels have the same memory, so that it can be one in a dispatch that runs both: a workgroup runs one of them. */
export const sharesMemory = (a: Code, b: Code): boolean =>
  JSON.stringify([...memoryOf(a)]) === JSON.stringify([...memoryOf(b)]);

/** Whether workgroups of two kernels begin alike, so that one dispatch may run both. */
export function startsAlike(a: Code, b: Code): boolean {
  const startOf = ({ constants, size, parameters }: Code): string =>
    JSON.stringify([size.map((each) => constants[each] ?? Number(each)), parameters]);
  return startOf(a) === startOf(b);
}

/**
 * Kernels that begin alike as one: the workgroups of the first, then those of the next. Each has its number of workgroups
 * along x, y and z, and the names that its buffers have among those of all.
 */
export function joined(kernels: readonly Joined[]): Code {
  const vocabulary = new Vocabulary();
  const isOne = kernels.every(({ code }) => sharesMemory(code, kernels[0]!.code));
  const memory = isOne ? memoryOf(kernels[0]!.code) : new Map<string, string>();
  const parts = kernels.map(({ code, buffers }, i) => {
    const names = new Map([...buffers, ...vocabulary.absorb(code.vocabulary, i)]);
    return partOf(code, i, names, memory);
  });
  const { parameters } = parts[0]!;
  const group = parameters.find(({ builtin }) => builtin === 'workgroup_id')!.name;
  let total = 0;
  const turns = kernels.map(({ workgroups: [x, y, z] }, i) => {
    const at = `(${group}.x - ${total}u)`;
    total += x * y * z;
    // a zero that drivers do not know: from the branch they would tell that of the quotient
    const last = z === 1 ? `${group}.z` : `${at} / ${x * y}u`;
    const own = `vec3u(${at} % ${x}u, ${at} / ${x}u % ${y}u, ${last})`;
    const values = parameters.map(({ name }) => (name === group ? own : name));
    return `if (${group}.x < ${total}u) { main_${i}(${values.join(', ')}); return; }`;
  });
  return {
    ...{ parameters, vocabulary, body: turns.join('\n') },
    size: parts[0]!.size,
    constants: Object.assign({}, ...parts.map(({ constants }) => constants)),
    declarations: new Map([...memory, ...parts.flatMap(({ declarations }) => [...declarations])]),
    extensions: [...new Set(parts.flatMap(({ extensions }) => extensions))],
    takesWholes: parts.some(({ takesWholes }) => takesWholes),
  };
}
interface Joined {
  readonly code: Code;
  readonly workgroups: readonly [number, number, number];
  readonly buffers: ReadonlyMap<string, string>;
}

/**
 * A kernel among others in one: names of its own end in its number, and its entry point is a function, `main_0` and so on.
 * `memory` is declared once, for all.
 */
function partOf(
  code: Code,
  number: number,
  others: ReadonlyMap<string, string>,
  memory: ReadonlyMap<string, string>,
): Code {
  const declared = [...code.declarations.keys()].filter((name) => !memory.has(name));
  const own = [...Object.keys(code.constants), ...declared];
  const numbered = new Map(own.map((name) => [name, `${name}_${number}`]));
  const names = new Map([...numbered, ...others]);
  const called = (name: string): string => numbered.get(name) ?? name;
  const constants = Object.fromEntries(
    Object.entries(code.constants).map(([name, size]) => [called(name), size]),
  );
  const functions = declared.map((name) => {
    const text = code.declarations.get(name) ?? '';
    return [called(name), rename(text, names)] as const;
  });
  const main = `fn main_${number}(${signature(code, false)}) {\n${rename(code.body, names)}\n}`;
  const declarations = new Map([...functions, [`main_${number}`, main] as const]);
  return { ...code, constants, declarations, size: code.size.map(called) };
}

/** Lines indented by the braces and parentheses in which they end or begin. */
function indented(text: string): string {
  let depth = 0;
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (!trimmed) continue;
    if (trimmed.startsWith('}') || trimmed.startsWith(')')) depth--;
    lines.push('  '.repeat(Math.max(0, depth)) + trimmed);
    if (trimmed.endsWith('{') || trimmed.endsWith('(')) depth++;
  }
  return lines.join('\n');
}

/** The text of a kernel, as it comes; equal for kernels that say the same. `buffers` declares what it binds. */
export function textOfCode(code: Code, buffers: readonly string[] = []): string {
  const { constants, vocabulary, declarations, size, body, extensions } = code;
  const enables = extensions.map((name) => `enable ${name};`);
  const header = [...new Set([...enables, ...vocabulary.directives]), ...buffers];
  const sizes = Object.entries(constants).map(([name, value]) => `const ${name} = ${value}u;`);
  const library = Array.from(vocabulary.taken.values(), ({ text }) => text);
  const start = `@compute @workgroup_size(${size.join(', ')})\nfn main(${signature(code, true)}) {`;
  const main = code.entry ?? [start, body, '}'].join('\n');
  return [...header, ...sizes, ...library, ...declarations.values(), main].join('\n');
}

/** The text of a kernel for drivers and people. */
export const render = (code: Code, buffers: readonly string[]): string =>
  indented(textOfCode(code, buffers));
