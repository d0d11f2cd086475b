// Rewrites a graph before planning: composed ops written out, shared subexpressions, f16 storage, algebra.
import type { Form, Op, OpRecord, Options } from '../graph/op.js';
import { definitionOf } from '../graph/record.js';
import { outputIndex } from '../graph/several.js';
import { opId, optionsText } from '../graph/structure.js';
import { apply, filled, filledWith, type Tensor } from '../graph/tensor.js';
import { topological } from '../graph/walk.js';
import { cast, isCast, isHalved, roundToHalf } from '../ops/cast.js';
import { type AdapterClass, defaultLimits } from '../planning/limits.js';
import { isLeaf } from '../planning/nodes.js';
import { type Known, simplify } from './simplify.js';

/** Whether a node is f16 that is read as f32. */
const isWidening = (node: Tensor): boolean =>
  isCast(node) && node.dtype === 'f32' && node.inputs[0]!.dtype === 'f16';

/** The records of ops that would be f16 and are f32 in kernels. */
const singles = new WeakMap<Op, Op>();
function singleOf(op: Op): Op {
  const known = singles.get(op);
  if (known) return known;
  const single: Op = op.outputs
    ? { ...op, outputs: (inputs, options) => op.outputs(inputs, options).map(inSingle) }
    : { ...op, dtype: () => 'f32' };
  singles.set(op, single);
  return single;
}
const inSingle = (form: Form): Form => (form.dtype === 'f16' ? { ...form, dtype: 'f32' } : form);

/** A node over its rewritten inputs. Where it would be f16 and is no cast, it is f32. */
function rebuild(node: Tensor, inputs: readonly Tensor[], halves: boolean): Tensor {
  const value = filledWith(node);
  if (value !== undefined) return node.dtype === 'f16' ? filled(value, node.shape, 'f32') : node;
  const [first] = inputs;
  if (first && isHalved(node) && !halves) return roundToHalf(first);
  const over = (op: Op): Tensor =>
    apply(op as OpRecord, inputs, node.options as Options, node.name);
  const isSame = inputs.every((input, i) => input === node.inputs[i]);
  const own = isSame ? node : over(node.op);
  const isHalf = (own.outputs ?? [own]).some(({ dtype }) => dtype === 'f16');
  return !isHalf || isHalved(node) ? own : over(singleOf(node.op));
}

/** Rewrites the nodes of one graph. */
class Lowering {
  readonly #halves: boolean;
  readonly #storageBuffers: number;
  readonly #done = new Map<Tensor, Tensor>();
  /** Rewritten nodes by op, options and inputs. */
  readonly #unique = new Map<string, Tensor>();
  readonly #known: Known;
  /** What became of the outputs of composed nodes that have several. */
  readonly #outputs = new Map<Tensor, readonly Tensor[]>();

  constructor(halves: boolean, adapter: AdapterClass, storageBuffers: number) {
    this.#known = { pieces: new Map(), adapter };
    this.#halves = halves;
    this.#storageBuffers = storageBuffers;
  }

  /** What a node has become. */
  #doneOf(node: Tensor): Tensor {
    const known = this.#done.get(node);
    if (!known) throw new RangeError(`${node.op.name} is rewritten after its user`);
    return known;
  }

  /** What a node becomes. */
  resolve(target: Tensor): Tensor {
    const known = this.#done.get(target);
    if (known) return known;
    for (const node of topological([target], (n) => (this.#done.has(n) ? [] : n.inputs)))
      if (!this.#done.has(node)) this.#done.set(node, this.#rewrite(node));
    return this.#doneOf(target);
  }

  #rewrite(node: Tensor): Tensor {
    if (isLeaf(node)) return node;
    const given = node.inputs.map((input) => this.#doneOf(input));
    for (const input of given) this.#done.set(input, input);
    const inputs = isWidening(node) ? given : given.map((input) => this.#widen(input));
    const define = this.#isComposed(node) ? definitionOf(node.op) : undefined;
    if (define) return this.#compose(node, define(inputs, node.options));
    const output = this.#outputOf(node);
    if (output) return output;
    const wiring = inputs.map((input) => input.id).join();
    const key = `${opId(node.op)}|${optionsText(node.options)}|${wiring}`;
    const known = this.#unique.get(key);
    if (known) return known;
    const own = rebuild(node, inputs, this.#halves);
    const simple = simplify(own, this.#known);
    const result = simple === own ? own : this.resolve(simple);
    this.#unique.set(key, result);
    return result;
  }

  /** Whether other ops make a node: those that it is composed of, or those that define what no kernel may bind as a whole. */
  #isComposed({ op, inputs, outputs }: Tensor): boolean {
    const buffers = inputs.length + (outputs?.length ?? 1);
    const { kind } = op.kernel;
    return kind === 'composed' || (kind === 'written' && buffers > this.#storageBuffers);
  }

  #compose(node: Tensor, values: Tensor | readonly Tensor[]): Tensor {
    if ('op' in values) return this.resolve(values);
    this.#outputs.set(
      node,
      values.map((value) => this.resolve(value)),
    );
    return node;
  }

  /** What one output of a composed node has become. */
  #outputOf(node: Tensor): Tensor | undefined {
    const index = outputIndex(node);
    const [call] = node.inputs;
    return call && index !== undefined ? this.#outputs.get(call)?.[index] : undefined;
  }

  #widen(x: Tensor): Tensor {
    return x.dtype === 'f16' ? this.resolve(cast(x, 'f32')) : x;
  }

  /** A rewritten root in the dtype that it had. */
  rounded(root: Tensor): Tensor {
    const result = this.resolve(root);
    if (root.dtype === result.dtype) return result;
    const [half] = isWidening(result) ? result.inputs : [];
    if (half) return half;
    const rounded = cast(result, 'f16');
    const shared = this.#halves ? this.resolve(rounded) : rounded;
    return shared.dtype === 'f16' ? shared : rounded; // of nothing it is a literal
  }
}

/**
 * Rewrites a graph into the planner's vocabulary: composed ops written out, equal nodes shared (hash-consing),
 * literals folded, views collapsed. f16 is left to what lies in buffers as f16, leaves, results and casts; all that is
 * computed from it is f32. Without `halves` no buffer holds f16, and casts to it round in f32. Hand-written kernels that bind
 * more than `storageBuffers` become what defines them; long folds are split as suits the adapter. Returns the rewritten roots in order, in their dtypes.
 */
export function lower(
  roots: readonly Tensor[],
  halves: boolean,
  adapter: AdapterClass,
  storageBuffers = defaultLimits.storageBuffers,
): Tensor[] {
  const lowering = new Lowering(halves, adapter, storageBuffers);
  for (const root of roots) lowering.resolve(root);
  return roots.map((root) => lowering.rounded(root));
}
