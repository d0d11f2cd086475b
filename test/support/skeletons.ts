// Files of shaders/ as whole programs of WGSL, each on its own. Libraries are whole as they are. A skeleton, which is a file
// with an entry point or with places (`//:name`), is filled with what its first lines give by default; they begin with `//!`,
// and the compiler of kernels takes them for comments:
//   //! const ROWS = 4u, COLUMNS = 8u       numbers that a kernel knows
//   //! part body = b1[row] = b0[row];      the text for a place
//   //! binding read b0: array<f32, ROWS>   a buffer, read or read_write; they are numbered in order
//   //! declare fn f() -> f32 { … }         anything else at module scope
//   //! enable f16                          an extension of WGSL
//   //! inside other.wgsl as place          this file holds statements for a place of another skeleton, whose lines hold here
//                                           too where this file does not give others
// A line that is indented, or begins with the `}` of what is, continues the one before.
import { fill, render } from '../../src/wgsl/kernel.js';
import { tokensOf } from '../../src/wgsl/lexer.js';
import { headOf, Vocabulary } from '../../src/wgsl/library.js';
import { type Node, templateOf } from '../../src/wgsl/template.js';

/** The text of each file of shaders/, by its name. */
export const shaders: ReadonlyMap<string, string> = new Map(
  Object.entries(
    import.meta.glob<string>('../../shaders/*.wgsl', {
      query: '?raw',
      import: 'default',
      eager: true,
    }),
  ).map(([path, text]) => [path.split('/').at(-1)!, text]),
);

/** What the first lines of a skeleton give. */
interface Prelude {
  constants: Record<string, number>;
  parts: Record<string, string | readonly Node[]>;
  /** Declarations of buffers, without their numbers, by name. */
  bindings: Map<string, string>;
  declarations: Map<string, string>;
  extensions: string[];
  inside?: { file: string; place: string };
}

/** What is behind the `//!` of a text's lines, each with the lines that continue it. */
function linesOf(text: string): string[] {
  const lines: string[] = [];
  for (const [, line] of text.matchAll(/^\/\/! (.*)$/gm))
    if (/^(\s|\})/.test(line!) && lines.length > 0) lines.push(`${lines.pop()}\n${line}`);
    else lines.push(line!);
  return lines;
}

/** How each word of a prelude is read. A line in another form throws. */
const forms: readonly (readonly [RegExp, (prelude: Prelude, words: string[]) => void])[] = [
  [
    /^const (\w+ = \d+u(?:, \w+ = \d+u)*)$/,
    ({ constants }, [list]) => {
      for (const [, name, value] of list!.matchAll(/(\w+) = (\d+)u/g))
        constants[name!] = Number(value);
    },
  ],
  [
    /^part (\w+) = (.+)$/s,
    ({ parts }, [name, text]) => {
      parts[name!] = `${text}\n`;
    },
  ],
  [
    /^binding (read|read_write) (\w+): (.+)$/,
    ({ bindings }, [access, name, type]) => {
      bindings.set(name!, `var<storage, ${access}> ${name}: ${type};`);
    },
  ],
  [
    /^declare (.+)$/s,
    ({ declarations }, [text]) => {
      declarations.set(headOf(tokensOf(text!))!.name, text!);
    },
  ],
  [/^enable (\w+)$/, ({ extensions }, [name]) => void extensions.push(name!)],
  [
    /^inside (\S+\.wgsl) as (\w+)$/,
    (prelude, [file, place]) => {
      prelude.inside = { file: file!, place: place! };
    },
  ],
];

/** Adds to a prelude what the first lines of a text give; what was there before is replaced. */
function read(text: string, prelude: Prelude): Prelude {
  for (const line of linesOf(text)) {
    const form = forms.find(([pattern]) => pattern.test(line));
    if (!form) throw new Error(`a prelude has no line '${line}'`);
    const [pattern, add] = form;
    add(prelude, pattern.exec(line)!.slice(1));
  }
  return prelude;
}

const emptyPrelude = (): Prelude => ({
  ...{ constants: {}, parts: {}, extensions: [] },
  ...{ bindings: new Map(), declarations: new Map() },
});

/** Whether a text has to be filled before it compiles. */
export const isSkeleton = (text: string): boolean => /^@compute|^\s*\/\/:/m.test(text);

/** The places of a skeleton that take a part. */
const placesOf = (text: string): string[] =>
  [...text.matchAll(/^\s*\/\/:(\w+)/gm)]
    .map(([, word]) => word!)
    .filter((word) => word !== 'repeat' && word !== 'end');

/** A skeleton with the defaults of its first lines, as WGSL. A part that has no place throws. */
function filled(text: string): { wgsl: string; extensions: readonly string[] } {
  const { inside } = read(text, emptyPrelude());
  const outer = inside && shaders.get(inside.file)!;
  const prelude = read(text, outer ? read(outer, emptyPrelude()) : emptyPrelude());
  const { constants, bindings, declarations, extensions } = prelude;
  const parts = inside ? { ...prelude.parts, [inside.place]: templateOf(text) } : prelude.parts;
  const places = placesOf(`${outer ?? ''}\n${text}`);
  const lost = Object.keys(parts).filter((name) => !places.includes(name));
  if (lost.length > 0) throw new Error(`there is no place for the parts ${lost}`);
  const vocabulary = new Vocabulary();
  const code = fill(outer ?? text, { parts, constants, declarations, extensions, vocabulary });
  const buffers = [...bindings.values()].map((buffer, i) => `@group(0) @binding(${i}) ${buffer}`);
  return { wgsl: render(code, buffers), extensions };
}

/** A file of shaders/ as a program of its own, and the extensions of WGSL that it enables. */
export const programOf = (text: string): { wgsl: string; extensions: readonly string[] } =>
  isSkeleton(text) ? filled(text) : { wgsl: text, extensions: [] };

/** What a compiler says of WGSL, by line; of a program with an entry point also what the maker of its pipeline says. */
export async function complaintsOf(device: GPUDevice, code: string): Promise<string[]> {
  device.pushErrorScope('validation'); // what is wrong is in the messages too
  const module = device.createShaderModule({ code });
  const [{ messages }] = await Promise.all([module.getCompilationInfo(), device.popErrorScope()]);
  const complaints = messages.map(({ message, lineNum }) => `${lineNum}: ${message}`);
  if (complaints.length > 0 || !code.includes('@compute')) return complaints;
  const pipeline = device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  return pipeline.then(
    () => [],
    (error: Error) => [error.message],
  );
}
