// Programs: the outputs and parameter updates of a step, the values fed to it, and checks of both.
import { isFloat, type TensorData, type Value } from '../core/dtype.js';
import { FeedError, NablaError } from '../core/errors.js';
import { readValue } from '../core/readValue.js';
import { formatShape, sameShape } from '../core/shape.js';
import type { LeafKind } from './op.js';
import { checkTensors, Tensor } from './tensor.js';
import { originOfIntegers } from './views.js';
import { topological } from './walk.js';

/** Parameters and their new values after a step; new values are computed from the values before the step. */
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
function isLeaf(node: Tensor, holds: LeafKind): boolean {
  if (!(node instanceof Tensor) || node.op.byUser) return false;
  const { kernel } = node.op;
  return kernel.kind === 'leaf' && kernel.holds === holds;
}
export const isInput = (node: Tensor): boolean => isLeaf(node, 'input');
export const isParameter = (node: Tensor): boolean => isLeaf(node, 'parameter');
export const isConstant = (node: Tensor): boolean => isLeaf(node, 'constant');

/** Every node that a program's outputs and updates need, inputs first. */
export function programNodes({ outputs, updates }: Program): Tensor[] {
  return topological([...outputs, ...updates.map(([, next]) => next)]);
}

/** Throws unless updates go to distinct parameters of the right shape and every needed input is declared. */
export function checkProgram(program: Program, inputs: ReadonlyMap<string, Tensor>): Program {
  const { updates } = program;
  if (!Array.isArray(updates) || updates.some((pair) => !Array.isArray(pair)))
    throw new NablaError(
      'compile: updates are a list of pairs [parameter, next]; optimizer.updates(…) makes one',
    );
  const seen = new Set<Tensor>();
  for (const [parameter, next] of updates) {
    if (!isParameter(parameter))
      throw new NablaError(
        'compile: an update goes to something that is no parameter; make it with parameter(…)',
      );
    const name = parameter.name ?? `parameter ${formatShape(parameter.shape)}`;
    if (seen.has(parameter))
      throw new NablaError(`compile: ${name} is updated twice; add the changes in one update`);
    seen.add(parameter);
    checkTensors(`compile: the next value of ${name}`, next);
    if (!sameShape(parameter.shape, next.shape) || parameter.dtype !== next.dtype)
      throw new NablaError(
        `compile: ${name} is ${formOf(parameter)}, its next value ${formOf(next)}; make them equal`,
      );
  }
  const declared = new Map<Tensor, string>();
  for (const [name, node] of inputs) {
    if (!isInput(node))
      throw new FeedError(`compile: inputs.${name} is no input; make it with input(shape)`);
    const first = declared.get(node);
    if (first !== undefined)
      throw new FeedError(
        `compile: inputs.${name} is the same input as inputs.${first}; give it one name`,
      );
    declared.set(node, name);
  }
  const missing = programNodes(program).find((node) => isInput(node) && !declared.has(node));
  if (missing)
    throw new FeedError(
      `compile: input ${missing.name ?? formOf(missing)} is needed; declare it in inputs`,
    );
  return program;
}

/** Values for inputs, by the inputs' names. */
export type NamedFeeds = Readonly<Record<string, Value>>;
/** Values for inputs: by node, or by the inputs' names. */
export type NodeFeeds = ReadonlyMap<Tensor, Value> | NamedFeeds;

/** Fed values that their owner may change from now on. */
export function held(feeds: Feeds): Feeds {
  const copy = (value: TensorData): TensorData => ({ ...value, data: value.data.slice() });
  return new Map(Array.from(feeds, ([node, value]) => [node, copy(value)]));
}

/** An input, and the name that values are fed to it by, if it has one. */
type Place = Readonly<{ node: Tensor; name: string | undefined }>;
function placesOf(nodes: readonly Tensor[]): Place[] {
  return nodes.filter(isInput).map((node) => ({ node, name: node.name }));
}

/** What has the inputs: a graph, where they have names of their own, or a step, which declares them. */
type Owner = 'graph' | 'step';

/** Throws FeedError unless each name is that of one input. */
function checkNames(op: string, places: readonly Place[], feeds: NamedFeeds, owner: Owner): void {
  const named = places.flatMap(({ name }) => name ?? []);
  const twice = named.find((name, i) => named.indexOf(name) < i);
  if (twice !== undefined) {
    const fix = 'rename one, or feed by node: new Map([[node, value]])';
    throw new FeedError(`${op}: two inputs of this ${owner} are named ${twice}; ${fix}`);
  }
  const unknown = Object.keys(feeds).find((name) => !named.includes(name));
  if (unknown === undefined) return;
  const nameless = places.length - named.length;
  const list = nameless > 0 ? [...named, `${nameless} without a name`] : named;
  const fact =
    owner === 'step'
      ? `${unknown} is no input of this step`
      : `there is no input ${unknown} in this graph`;
  const fix =
    owner === 'step' ? '' : '; correct the name, or feed by node: new Map([[node, value]])';
  throw new FeedError(`${op}: ${fact}; it has ${list.join(', ') || 'none'}${fix}`);
}

/** What is fed, by node: a Map is that already, and may hold inputs that nothing needs. */
function resolveFeeds(op: string, places: readonly Place[], feeds: NodeFeeds, owner: Owner) {
  if (typeof feeds !== 'object' || feeds === null)
    throw new FeedError(
      `${op}: feeds are ${String(feeds)}; pass an object of values by name, or a Map by node`,
    );
  if (feeds instanceof Map) {
    const byNode = feeds as ReadonlyMap<Tensor, Value>;
    if ([...byNode.keys()].every(isInput)) return byNode;
    throw new FeedError(`${op}: a fed node is no input; only inputs are fed`);
  }
  checkNames(op, places, feeds as NamedFeeds, owner);
  const byName = new Map<string | undefined, Value>(Object.entries(feeds));
  const fed = new Map<Tensor, Value>();
  for (const { node, name } of places) {
    const value = byName.get(name);
    if (value !== undefined) fed.set(node, value);
  }
  return fed;
}

/** Values for the inputs of a graph in host form; arrays that have it are taken as they are. */
function readPlaces(
  op: string,
  places: readonly Place[],
  feeds: NodeFeeds,
  owner: Owner,
): Map<Tensor, TensorData> {
  const given = resolveFeeds(op, places, feeds, owner);
  const values = new Map<Tensor, TensorData>();
  for (const { node, name } of places) {
    const value = given.get(node);
    const fix = name === undefined ? 'name it, or pass a Map by node' : 'pass a value for it';
    const what = name ?? 'an input';
    if (value === undefined)
      throw new FeedError(`${op}: ${what} ${formOf(node)} is missing; ${fix}`);
    values.set(node, readValue(`${op}: ${what}`, value, node, true));
  }
  return values;
}

/** Values for the inputs of a step, by the names that it declares. Throws FeedError for missing, unknown and ill-shaped ones. */
export function readFeeds(
  op: string,
  inputs: ReadonlyMap<string, Tensor>,
  feeds: NodeFeeds,
): Map<Tensor, TensorData> {
  return readPlaces(
    op,
    Array.from(inputs, ([name, node]) => ({ node, name })),
    feeds,
    'step',
  );
}

/** The same for the inputs among `nodes`, by their own names or by node. */
export function readNodeFeeds(
  op: string,
  nodes: readonly Tensor[],
  feeds: NodeFeeds,
): Map<Tensor, TensorData> {
  return readPlaces(op, placesOf(nodes), feeds, 'graph');
}

/** What is fed by name, by node instead: for runs of parts of the graph, which need not know all of the names. */
export function feedsByNode(
  op: string,
  nodes: readonly Tensor[],
  feeds: NodeFeeds,
): ReadonlyMap<Tensor, Value> {
  return resolveFeeds(op, placesOf(nodes), feeds, 'graph');
}

/** Integer inputs and constants that pick rows or classes, with the size they must stay below. */
export function indexLimits(
  nodes: readonly Tensor[],
): { leaf: Tensor; size: number; op: string }[] {
  return nodes.flatMap((node) => {
    const picked = node.op.picks?.(node.inputs, node.options);
    if (!picked) return [];
    const leaf = originOfIntegers(picked.indices);
    const isKnown = !isFloat(leaf.dtype) && (isInput(leaf) || isConstant(leaf));
    return isKnown ? [{ leaf, size: picked.size, op: node.op.name }] : [];
  });
}
