// Writes the WGSL of fused expressions: which statements compute an element of a node, and in which scope.

import { literal } from '../graph/number.js';
import type { IndexKernel, PointwiseKernel } from '../graph/op.js';
import { filledWith, type Tensor } from '../graph/tensor.js';
import { addBinding, type Binding, type Kernel } from './bindings.js';
import { elementAt, operandsAt, type Terms } from './expressions.js';
import { flat, type Index } from './indices.js';
import { type Filling, fill } from './kernel.js';
import { renamed, textOf, tokensOf } from './lexer.js';
import { Vocabulary } from './library.js';
import { Scopes } from './scopes.js';
import { fromStorage, registerType } from './types.js';

/** WGSL of an element that is at hand, in a register or a buffer; undefined where it is computed. */
export type AtHand = (node: Tensor, index: Index) => string | undefined;

/**
 * Writes WGSL for pointwise and index ops: one function from (node, index) to an expression. An expression goes to the
 * outermost scope that knows its index, so that it is computed once.
 */
export class Writer extends Scopes {
  readonly vocabulary: Vocabulary;
  readonly bindings: Binding[];
  readonly #atHand: AtHand;
  readonly #floor: number;

  /**
   * Expressions go to scope `floor` or further in: heads are not known before their loop has run. A second writer for
   * another function of one kernel shares the first's bindings and vocabulary.
   */
  constructor(atHand: AtHand, floor: number, kernel?: Writer) {
    super();
    this.#atHand = atHand;
    this.#floor = floor;
    this.vocabulary = kernel?.vocabulary ?? new Vocabulary();
    this.bindings = kernel?.bindings ?? [];
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

  /** The WGSL expression of a node's element: a name or a literal. */
  value(node: Tensor, index: Index): string {
    const number = filledWith(node);
    if (number !== undefined) return literal(number, node.dtype);
    const variables = index.map(({ base }) => base);
    const depth = Math.max(this.#floor, this.depthOf(variables));
    return this.once(depth, `${node.id}@${flat(index)}`, () => {
      const expression = this.#atHand(node, index) ?? this.#compute(node, index, depth);
      return this.name(expression, depth);
    });
  }

  /** What reads an element from its buffer. */
  read(node: Tensor, index: Index): string {
    const buffer = this.bind(node, 'read');
    const at = flat(index);
    if (node.dtype !== 'u8') return fromStorage(node, `${buffer}[${at}]`);
    return `((${buffer}[(${at}) / 4u] >> (((${at}) % 4u) * 8u)) & 255u)`;
  }

  #compute(node: Tensor, index: Index, depth: number): string {
    const { kernel } = node.op;
    const terms: Terms = {
      name: (expression) => this.name(expression, depth),
      value: (input, at) => this.value(input, at),
    };
    switch (kernel.kind) {
      case 'pointwise':
        return this.#call(node, kernel, operandsAt(node, index, terms));
      case 'index':
        return this.#indexed(node, kernel, index, terms);
      default:
        throw new RangeError(`${node.op.name} has to be stored before it is read`);
    }
  }

  #call({ inputs, op }: Tensor, kernel: PointwiseKernel, operands: readonly string[]): string {
    const type = registerType(inputs.at(-1)!.dtype);
    const called = { ...kernel, byUser: op.byUser };
    const name = this.vocabulary.take(called, type === 'bool' ? 'f32' : type);
    return `${name}(${operands.join(', ')})`;
  }

  #indexed(node: Tensor, kernel: IndexKernel, index: Index, terms: Terms): string {
    const { byUser } = node.op;
    const names = this.vocabulary.takeAll({ source: kernel.source ?? '', byUser });
    const written = elementAt(node, kernel, index, terms);
    return byUser ? textOf(renamed(tokensOf(written), names)) : written;
  }
}
