// What a fusion group reads: which elements of which stored nodes, by following its expressions over symbolic indices.
import { filledWith, type Tensor } from '../graph/tensor.js';
import { base, halvesOf } from '../graph/views.js';
import { elementAt, operandsAt, type Terms } from '../wgsl/expressions.js';
import { flat, type Index, sameIndex } from '../wgsl/indices.js';
import { isAtom } from '../wgsl/lexer.js';
import {
  type Computation,
  callOf,
  type Element,
  foldedBy,
  indexOf,
  isAlongResults,
} from './groups.js';
import { isVirtual } from './nodes.js';

/** What a kernel takes to compute a group. */
export interface Reads {
  /** The nodes that it reads from buffers, and whether it reads each at its own element alone. */
  readonly nodes: ReadonlyMap<Tensor, boolean>;
  /** How many expressions its text names. */
  readonly expressions: number;
  /** How many buffers it binds for them. */
  readonly buffers: number;
}

/** Follows expressions down to what is at hand. */
class Walk {
  /** Names of expressions and of elements. */
  readonly #names = new Map<string, string>();
  readonly #isAtHand: (node: Tensor) => boolean;
  readonly #meet: (node: Tensor, index: Index) => void;
  expressions = 0;

  constructor(isAtHand: (node: Tensor) => boolean, meet: (node: Tensor, index: Index) => void) {
    this.#isAtHand = isAtHand;
    this.#meet = meet;
  }

  readonly #terms: Terms = {
    name: (expression) => {
      if (isAtom(expression)) return expression;
      const known = this.#names.get(expression);
      if (known !== undefined) return known;
      const name = `v${this.expressions++}`;
      this.#names.set(expression, name);
      return name;
    },
    value: (node, index) => this.follow(node, index),
  };

  /** Follows an element of a node; returns a word that stands for its value. */
  follow(node: Tensor, index: Index): string {
    if (filledWith(node) !== undefined) return 'literal';
    const element = `element ${node.id} ${flat(index)}`;
    const known = this.#names.get(element);
    if (known !== undefined) return known;
    const name = this.#isAtHand(node) ? this.#read(node, index) : this.#compute(node, index);
    this.#names.set(element, name);
    return name;
  }

  #read(node: Tensor, index: Index): string {
    this.#meet(node, index);
    return `r${this.#names.size}`;
  }

  #compute(node: Tensor, index: Index): string {
    const { kernel } = node.op;
    const { name } = this.#terms;
    switch (kernel.kind) {
      case 'pointwise':
        return name(`${kernel.name}(${operandsAt(node, index, this.#terms)})`);
      case 'index':
        return name(elementAt(node, kernel, index, this.#terms));
      default:
        throw new RangeError(`${node.op.name} has to be stored before it is read`);
    }
  }
}

/** What a product reads of an operand: halves that it widens itself, or what is stored; of views, what they read. */
function operandReads(operand: Tensor, stored: ReadonlySet<Tensor>): readonly Tensor[] {
  const node = halvesOf(operand) ?? base(operand);
  return stored.has(node) ? [node] : node.inputs.flatMap((input) => operandReads(input, stored));
}

/**
 * How a kernel binds what it reads: once for whatever it reads, but a product as vec4s for itself, as vec4s for what joins it,
 * and by elements.
 */
type Way = 'any' | 'operand' | 'vectors' | 'elements';

/** The walk of everything that a computation reads from buffers or has in registers; undefined where a member fits no index. */
function walkOf(
  computation: Computation,
  stored: ReadonlySet<Tensor>,
  meet: (node: Tensor, index: Index) => void,
  note: (node: Tensor, way: Way) => void,
): Walk | undefined {
  const { kind, members, space } = computation;
  const own = new Set(members);
  const walk = new Walk((node) => (own.has(node) ? !isVirtual(node) : stored.has(node)), meet);
  const followHead = (head: Tensor): void => {
    switch (kind) {
      case 'reduce':
        for (const [node, index] of foldedBy(head, space)) walk.follow(node, index);
        break;
      case 'matmul':
        for (const operand of head.inputs)
          for (const node of operandReads(operand, stored)) note(node, 'operand');
        break;
      case 'map':
        break; // it has no heads
      case 'written':
        for (const input of callOf(head).inputs) note(base(input), 'any');
        break;
      default:
        kind satisfies never;
    }
  };
  for (const member of members) {
    const index = indexOf(computation, member);
    if (!isVirtual(member)) followHead(member);
    else if (index) walk.follow(member, index);
    else return undefined;
  }
  return walk;
}

/** What a computation reads; undefined where its expressions ask for what it cannot have. */
export function readsOf(computation: Computation, stored: ReadonlySet<Tensor>): Reads | undefined {
  const { kind, members, space } = computation;
  const own = new Set(members);
  const nodes = new Map<Tensor, boolean>();
  const bound = new Set<string>();
  // heads are in registers at their own index and nowhere else
  let isInReach = true;
  const note = (node: Tensor, way: Way, isOwn = false): void => {
    nodes.set(node, isOwn && nodes.get(node) !== false);
    bound.add(`${node.id} ${way}`);
  };
  const meet = (node: Tensor, index: Index): void => {
    const isOwn = sameIndex(index, space.row);
    if (own.has(node)) isInReach &&= isOwn;
    else if (kind !== 'matmul') note(node, 'any', isOwn);
    else note(node, isAlongResults(computation, index) ? 'vectors' : 'elements', isOwn);
  };
  const walk = walkOf(computation, stored, meet, note);
  if (!walk || !isInReach) return undefined;
  return { nodes, expressions: walk.expressions, buffers: bound.size };
}

/** The elements that a kernel of folds reads from buffers. */
export function elementsRead(computation: Computation, stored: ReadonlySet<Tensor>): Element[] {
  const elements: Element[] = [];
  const own = new Set(computation.members);
  const meet = (node: Tensor, index: Index): void => {
    if (!own.has(node)) elements.push([node, index]);
  };
  walkOf(computation, stored, meet, () => undefined);
  return elements;
}
