import { isFloat, readValue, type TensorData, type Value } from '../dtype.js';
import { FeedError, NablaError } from '../errors.js';
import { formatShape, sameShape } from '../shape.js';
import { builtIn } from './op.js';
import { checkTensors, Tensor } from './tensor.js';
import { topological } from './walk.js';

/** Parameters and the values that a step gives them; both are read from before the step. */
export type Updates = readonly (readonly [parameter: Tensor, next: Tensor])[];

/** What a step computes: outputs to hand back and parameters to update. */
export interface Program {
  readonly outputs: readonly Tensor[];
  readonly updates: Updates;
  /** Constants are data of one run, fed like inputs, so that the plan serves other values too. */
  readonly feedConstants?: boolean;
  /** Computes elementwise values again for each reader instead of storing them. */
  readonly recompute?: boolean;
}

/** Values of the inputs, in host form, one for each. */
export type Feeds = ReadonlyMap<Tensor, TensorData>;

const formOf = ({ dtype, shape }: Tensor): string => `${dtype} ${formatShape(shape)}`;
const isLeaf = (node: Tensor, name: string): boolean =>
  node instanceof Tensor && node.op.kernel.kind === 'leaf' && node.op.name === name;
export const isInput = (node: Tensor): boolean => isLeaf(node, 'input');
export const isParameter = (node: Tensor): boolean => isLeaf(node, 'parameter');
export const isConstant = (node: Tensor): boolean => isLeaf(node, 'constant');

/** Every node that a program's outputs and updates need, inputs first. */
export const programNodes = ({ outputs, updates }: Program): Tensor[] =>
  topological([...outputs, ...updates.map(([, next]) => next)]);

/** Throws unless updates go to distinct parameters of the right shape and every needed input is declared. */
export function checkProgram(program: Program, inputs: ReadonlyMap<string, Tensor>): Program {
  const { updates } = program;
  if (!Array.isArray(updates) || updates.some((pair) => !Array.isArray(pair)))
    throw new NablaError('compile: updates are a list of pairs [parameter, next]; optimizer.updates(…) makes one');
  const seen = new Set<Tensor>();
  for (const [parameter, next] of updates) {
    if (!isParameter(parameter))
      throw new NablaError('compile: an update goes to something that is no parameter; make it with parameter(…)');
    const name = parameter.name ?? `parameter ${formatShape(parameter.shape)}`;
    if (seen.has(parameter)) throw new NablaError(`compile: ${name} is updated twice; add the changes in one update`);
    seen.add(parameter);
    checkTensors(`compile: the next value of ${name}`, next);
    if (!sameShape(parameter.shape, next.shape) || parameter.dtype !== next.dtype)
      throw new NablaError(`compile: ${name} is ${formOf(parameter)}, its next value ${formOf(next)}; make them equal`);
  }
  const declared = new Set(inputs.values());
  for (const [name, node] of inputs)
    if (!isInput(node)) throw new FeedError(`compile: inputs.${name} is no input; make it with input(shape)`);
  const missing = programNodes(program).find((node) => isInput(node) && !declared.has(node));
  if (missing) throw new FeedError(`compile: input ${missing.name ?? formOf(missing)} is needed; declare it in inputs`);
  return program;
}

/** Values for inputs, by the names that the inputs go by. */
export type NamedFeeds = Readonly<Record<string, Value>>;
/** Values for inputs: by node, or by the inputs' names. */
export type NodeFeeds = ReadonlyMap<Tensor, Value> | NamedFeeds;

/** Fed values that their owner may change from now on. */
export const held = (feeds: Feeds): Feeds =>
  new Map(Array.from(feeds, ([node, value]) => [node, { ...value, data: value.data.slice() }]));

type Named = Iterable<readonly [name: string, input: Tensor]>;
type Objection = (name: string) => string | undefined;
/**
 * Reads what is fed for inputs, by node or by the names that they go by, into host form; arrays that have it are taken as
 * they are. Throws FeedError for missing and ill-shaped values, and for names against which `objection` says something.
 */
export function readFeeds(op: string, inputs: Named, feeds: NodeFeeds, objection: Objection): Map<Tensor, TensorData> {
  const byNode = feeds instanceof Map ? (feeds as ReadonlyMap<Tensor, Value>) : undefined;
  if (byNode && ![...byNode.keys()].every(isInput))
    throw new FeedError(`${op}: a fed node is no input; only inputs are fed`);
  const wrong = Object.keys(feeds).map(objection).find(Boolean);
  if (wrong) throw new FeedError(`${op}: ${wrong}`);
  const values = new Map<Tensor, TensorData>();
  for (const [name, node] of inputs) {
    const value = byNode ? byNode.get(node) : (feeds as NamedFeeds)[name];
    if (value === undefined) throw new FeedError(`${op}: ${name} ${formOf(node)} is missing; pass a value for it`);
    values.set(node, readValue(`${op}: ${name}`, value, node, true));
  }
  return values;
}

/** Every name that an input was given: a value for any other name is a mistake. */
export const inputNames = new Set<string>();

/** The same for the inputs among `nodes`, by their own names. */
export function readNodeFeeds(op: string, nodes: readonly Tensor[], feeds: NodeFeeds): Map<Tensor, TensorData> {
  const inputs = nodes.filter(isInput).map((node) => [node.name ?? 'an input', node] as const);
  const unknown = (name: string) => `there is no input ${name}; name it with input(shape, { name: '${name}' })`;
  return readFeeds(op, inputs, feeds, (name) => (inputNames.has(name) ? undefined : unknown(name)));
}

/** What keeps every value in [0, size) and outside it: indices may pass through on their way. */
const movers = ['reshape', 'transpose', 'broadcastTo', 'cast'];

/** Integer inputs and constants that pick rows or classes, with the size they must stay below. */
export function indexLimits(nodes: readonly Tensor[]): { leaf: Tensor; size: number; op: string }[] {
  return nodes.flatMap((node) => {
    const { axis, classes } = node.options as { axis?: number; classes?: number };
    const op = builtIn(node);
    if (op !== 'gather' && op !== 'oneHot') return [];
    let leaf = node.inputs.at(-1)!;
    while (movers.includes(builtIn(leaf))) leaf = leaf.inputs[0]!;
    const known = !isFloat(leaf.dtype) && (isInput(leaf) || isConstant(leaf));
    return known ? [{ leaf, size: classes ?? node.inputs[0]!.shape[axis!]!, op }] : [];
  });
}
