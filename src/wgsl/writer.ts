// Writes the WGSL of fused expressions, takes functions from the shaders' texts and fills kernel skeletons.

import type { Place } from '../compiler/memory.js';
import { type DType, isFloat } from '../core/dtype.js';
import { NablaError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import type { IndexContext, IndexKernel, Options } from '../graph/op.js';
import { filledWith, literal, type Tensor } from '../graph/tensor.js';
import { countOf, digit, flat, type Index, project, split } from './indices.js';
import { type Code, type Filling, fill, render } from './kernel.js';
import { isAtom, isNumber, renamed, textOf, tokensOf } from './lexer.js';
import { Vocabulary } from './library.js';

/** A buffer that a kernel binds: the node whose value it holds, and how. */
export interface Binding {
  readonly node: Tensor;
  readonly access: 'read' | 'read_write';
  /** Bound as vec4s. */
  readonly vector: boolean;
}

/** A kernel: what it says, what it binds (as b0, b1, …) and how many workgroups it takes. */
export interface Kernel {
  readonly code: Code;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** Of a matrix product: its orientation and sizes, by which a tile is chosen. */
  readonly product?: string;
}

/** The text of a kernel whose buffers are bound so. The lengths of arrays are fixed, which makes bounds checks constants. */
export function wholeText(
  { code, bindings }: Kernel,
  bound: readonly { access: string; place: Place }[],
): string {
  const declared = bindings.map(({ node: { dtype }, vector }, i) => {
    const { access, place } = bound[i]!;
    const length = place.bytes / (dtype === 'f16' ? 2 : 4) / (vector ? 4 : 1);
    const element = vector ? `vec4<${storageType(dtype)}>` : storageType(dtype);
    return `@group(0) @binding(${i}) var<storage, ${access}> b${i}: array<${element}, ${length}>;`;
  });
  const isHalf = bindings.some(({ node }) => node.dtype === 'f16');
  const extensions = [...(isHalf ? ['f16'] : []), ...code.extensions];
  return render({ ...code, extensions }, declared);
}

/** The number of a binding, added on first use; `read_write` wins over `read`. */
export function addBinding(bindings: Binding[], binding: Binding): number {
  const known = bindings.findIndex(
    ({ node, vector }) => node === binding.node && vector === binding.vector,
  );
  if (known < 0) return bindings.push(binding) - 1;
  if (binding.access === 'read_write') bindings[known] = binding;
  return known;
}

/** The type that a value has in WGSL registers. */
export const registerType = (dtype: DType): 'f32' | 'i32' | 'u32' | 'bool' =>
  isFloat(dtype) ? 'f32' : dtype === 'u8' ? 'u32' : (dtype as 'i32' | 'u32' | 'bool');
/** The type that it has in a buffer. */
export const storageType = (dtype: DType): string =>
  dtype === 'bool' || dtype === 'u8' ? 'u32' : dtype;

/** A register value as a buffer holds it. */
export const toStorage = ({ dtype }: Tensor, value: string): string =>
  dtype === 'bool' ? `select(0u, 1u, ${value})` : dtype === 'f16' ? `f16(${value})` : value;
/** A buffer's element as a register value. */
export const fromStorage = ({ dtype }: Tensor, element: string): string =>
  dtype === 'bool' ? `(${element} != 0u)` : dtype === 'f16' ? `f32(${element})` : element;

type Scope = { readonly lines: string[]; readonly names: Map<string, string> };

/** WGSL of a value that is at hand at a row-major index, in a register or a buffer; undefined where it is computed. */
export type Held = (node: Tensor, at: string) => string | undefined;

/**
 * Writes WGSL for pointwise and index ops: one function from (node, index) to an expression. Scopes nest (kernel, row,
 * element); an expression goes to the outermost scope that knows its index, so that it is computed once.
 */
export class Writer {
  readonly vocabulary: Vocabulary;
  readonly bindings: Binding[];
  readonly #held: Held;
  readonly #floor: number;
  readonly #scopes: Scope[] = [{ lines: [], names: new Map() }];
  readonly #depths = new Map<string, number>();
  #count = 0;

  /**
   * Expressions go to scope `floor` or further in: heads are not known before their loop has run. A second writer for
   * another function of one kernel shares the first's bindings and vocabulary.
   */
  constructor(held: Held, floor: number, kernel?: Writer) {
    this.#held = held;
    this.#floor = floor;
    this.vocabulary = kernel?.vocabulary ?? new Vocabulary();
    this.bindings = kernel?.bindings ?? [];
  }

  /** How many expressions it has named. */
  get size(): number {
    return this.#count;
  }

  /** Opens a nested scope whose index variables are `bases`. */
  open(...bases: string[]): void {
    this.#scopes.push({ lines: [], names: new Map() });
    for (const base of bases) this.#depths.set(base, this.#scopes.length - 1);
  }

  /** Closes the innermost scope and returns its statements. */
  close(): string {
    return this.#scopes.pop()!.lines.join('\n');
  }

  /** Adds a statement to the innermost scope. */
  push(statement: string): void {
    this.#scopes.at(-1)!.lines.push(statement);
  }

  /** The name of a node's buffer. */
  bind(node: Tensor, access: 'read' | 'read_write', vector = false): string {
    return `b${addBinding(this.bindings, { node, access, vector })}`;
  }

  /** The kernel that a skeleton makes of all that was written, when the inner scopes are closed. */
  kernel(
    skeleton: string,
    filling: Omit<Filling, 'vocabulary'>,
    workgroups: Kernel['workgroups'],
  ): Kernel {
    const parts = { prologue: this.close(), ...filling.parts };
    const code = fill(skeleton, { ...filling, parts, vocabulary: this.vocabulary });
    return { code, bindings: this.bindings, workgroups };
  }

  /** Names an expression at a depth; what is one word needs no other name. */
  name(expression: string, depth: number): string {
    const { lines, names } = this.#scopes[depth]!;
    const known = isAtom(expression) ? expression : names.get(expression);
    if (known) return known;
    const name = `v${this.#count++}`;
    lines.push(`let ${name} = ${expression};`);
    names.set(expression, name);
    this.#depths.set(name, depth);
    return name;
  }

  #depthOf(index: Index): number {
    // a literal place (`0u`) is known everywhere, any other unknown one only here
    const known = (base: string): number =>
      this.#depths.get(base) ?? (isNumber(base) ? 0 : this.#scopes.length - 1);
    return index.reduce((depth, { base }) => Math.max(depth, known(base)), this.#floor);
  }

  /** The WGSL expression of a node's element: a name or a literal. */
  value(node: Tensor, index: Index): string {
    const number = filledWith(node);
    if (number !== undefined) return literal(number, node.dtype);
    const depth = this.#depthOf(index);
    const at = flat(index);
    const { names } = this.#scopes[depth]!;
    const key = `${node.id}@${at}`;
    const name =
      names.get(key) ?? this.name(this.#held(node, at) ?? this.#compute(node, index, depth), depth);
    names.set(key, name);
    return name;
  }

  /** What reads an element from its buffer. */
  read(node: Tensor, at: string): string {
    const buffer = this.bind(node, 'read');
    if (node.dtype === 'u8') return `((${buffer}[(${at}) / 4u] >> (((${at}) % 4u) * 8u)) & 255u)`;
    return fromStorage(node, `${buffer}[${at}]`);
  }

  #compute(node: Tensor, index: Index, depth: number): string {
    const { kernel, byUser } = node.op;
    const naming = (expression: string): string => this.name(expression, depth);
    if (kernel.kind === 'pointwise') {
      const values = node.inputs.map((input) =>
        this.value(input, project(index, node.shape, input.shape, naming)),
      );
      const type = registerType(node.inputs.at(-1)!.dtype);
      const called = this.vocabulary.take({ ...kernel, byUser }, type === 'bool' ? 'f32' : type);
      return `${called}(${values.join(', ')})`;
    }
    if (kernel.kind !== 'index')
      throw new RangeError(`${node.op.name} has to be stored before it is read`);
    const names = this.vocabulary.takeAll({ source: kernel.source ?? '', byUser });
    const written = (kernel as IndexKernel<Options>).write(this.#context(node, index, naming));
    return byUser ? textOf(renamed(tokensOf(written), names)) : written;
  }

  #context(
    node: Tensor,
    index: Index,
    naming: (expression: string) => string,
  ): IndexContext<Options> {
    // remembers which digits an expression stands for, so that views of views stay symbolic
    const digits = new Map<string, Index>([['0u', []]]);
    const remember = (part: Index): string => {
      const text = flat(part);
      digits.set(text, part);
      return text;
    };
    const asIndex = (expression: string, extent: number): Index => {
      const known = digits.get(expression);
      if (known && countOf(known) === extent) return known;
      return extent === 1 ? [] : digit(naming(expression), extent);
    };
    return {
      inputs: node.inputs,
      output: node,
      options: node.options as Options,
      get coordinates() {
        return split(index, node.shape, naming).map(remember);
      },
      flat: remember(index),
      read: (input, at) => {
        const source = node.inputs[input]!;
        const parts = [at].flat();
        const extents = typeof at === 'string' ? [sizeOf(source.shape)] : source.shape;
        const fact = `its WGSL reads ${formatShape(source.shape)} at ${at.length} coordinates`;
        if (parts.length !== extents.length)
          throw new NablaError(
            `${node.op.name}: ${fact}; give one an axis, also where a stacked cotangent has more`,
          );
        const place = parts.flatMap((part, i) => asIndex(part, extents[i]!));
        return this.value(source, place);
      },
      let: (_, expression) => naming(expression),
    };
  }
}
