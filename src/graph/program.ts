import type { TensorData, Value } from '../dtype.js';
import { readValue } from '../dtype.js';
import { FeedError, NablaError } from '../errors.js';
import { formatShape, sameShape } from '../shape.js';
import { Tensor } from './tensor.js';
import { topological } from './walk.js';

/** Parameters and the values that a step gives them; both are read from before the step. */
export type Updates = readonly (readonly [parameter: Tensor, next: Tensor])[];

/** What a step computes: outputs to hand back and parameters to update, from named inputs. */
export interface Program {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly Tensor[];
  readonly updates: Updates;
  /** Constants are data of one run, fed like inputs, so that the plan serves other values too. */
  readonly feedConstants?: boolean;
}

/** Values of the inputs, in host form, one for each. */
export type Feeds = ReadonlyMap<Tensor, TensorData>;

const isLeaf = (node: Tensor, name: string): boolean => node.op.kernel.kind === 'leaf' && node.op.name === name;
export const isInput = (node: Tensor): boolean => isLeaf(node, 'input');
export const isParameter = (node: Tensor): boolean => isLeaf(node, 'parameter');
export const isConstant = (node: Tensor): boolean => isLeaf(node, 'constant');

/** Every node that a program's outputs and updates need, inputs first. */
export const programNodes = ({ outputs, updates }: Pick<Program, 'outputs' | 'updates'>): Tensor[] =>
  topological([...outputs, ...updates.map(([, next]) => next)]);

/** Throws unless updates go to distinct parameters of the right shape and every needed input is declared. */
export function checkProgram(program: Program): void {
  const seen = new Set<Tensor>();
  for (const [parameter, next] of program.updates) {
    if (!(parameter instanceof Tensor) || !isParameter(parameter))
      throw new NablaError('compile: an update goes to something that is no parameter; make it with parameter(…)');
    const name = parameter.name ?? `parameter ${formatShape(parameter.shape)}`;
    if (seen.has(parameter))
      throw new NablaError(`compile: ${name} is updated twice; add the changes up in one update`);
    seen.add(parameter);
    if (!sameShape(parameter.shape, next.shape) || parameter.dtype !== next.dtype)
      throw new NablaError(
        `compile: ${name} is ${parameter.dtype} ${formatShape(parameter.shape)} and its next value ${next.dtype} ${formatShape(next.shape)}; make them equal`,
      );
  }
  const declared = new Set(program.inputs.values());
  for (const [name, node] of program.inputs)
    if (!(node instanceof Tensor) || !isInput(node))
      throw new FeedError(`compile: inputs.${name} is no input; make it with input(shape)`);
  const missing = programNodes(program).find((node) => isInput(node) && !declared.has(node));
  if (missing)
    throw new FeedError(
      `compile: ${missing.name ? `input ${missing.name}` : `an input of shape ${formatShape(missing.shape)}`} is needed and not declared; add it to inputs`,
    );
}

/** Reads fed values into host form, copied. Throws FeedError for missing, unknown or ill-shaped values. */
export function readFeeds(
  inputs: ReadonlyMap<string, Tensor>,
  values: Readonly<Record<string, Value>>,
): Map<Tensor, TensorData> {
  const unknown = Object.keys(values).find((name) => !inputs.has(name));
  if (unknown !== undefined)
    throw new FeedError(
      `feeds: ${unknown} is no input of this step; it has ${[...inputs.keys()].join(', ') || 'none'}`,
    );
  const feeds = new Map<Tensor, TensorData>();
  for (const [name, node] of inputs) {
    const value = values[name];
    if (value === undefined)
      throw new FeedError(`feeds: ${name} ${node.dtype} ${formatShape(node.shape)} is missing; pass a value for it`);
    feeds.set(node, readValue(`feeds: ${name}`, value, node));
  }
  return feeds;
}

/** Values for inputs: by node, or by the inputs' names. */
export type NodeFeeds = ReadonlyMap<Tensor, Value> | Readonly<Record<string, Value>>;

/** Reads what is fed for the inputs among `nodes` into host form. Throws FeedError for a missing or ill-shaped value. */
export function readNodeFeeds(op: string, nodes: readonly Tensor[], feeds: NodeFeeds): Map<Tensor, TensorData> {
  if (feeds instanceof Map)
    for (const node of feeds.keys())
      if (!isInput(node)) throw new FeedError(`${op}: a fed node is no input; only inputs are fed`);
  const find = (node: Tensor): Value | undefined => {
    if (feeds instanceof Map) return feeds.get(node);
    return node.name === undefined ? undefined : (feeds as Record<string, Value>)[node.name];
  };
  return new Map(
    nodes.filter(isInput).map((node) => {
      const name = node.name ?? `input ${formatShape(node.shape)}`;
      const value = find(node);
      if (value === undefined)
        throw new FeedError(
          `${op}: ${name} has no value; pass one as a Map entry${node.name ? ` or under '${node.name}'` : ''}`,
        );
      return [node, readValue(`${op}: ${name}`, value, node)];
    }),
  );
}

/** Integer inputs that pick rows or classes, with the size they must stay below. */
export function indexLimits(nodes: readonly Tensor[]): { input: Tensor; size: number; op: string }[] {
  return nodes.flatMap((node) => {
    const { axis, classes } = node.options as { axis?: number; classes?: number };
    const isGather = node.op.name === 'gather';
    if (!isGather && node.op.name !== 'oneHot') return [];
    let input = node.inputs[isGather ? 1 : 0]!;
    while (input.op.name === 'reshape') input = input.inputs[0]!;
    return isInput(input)
      ? [{ input, size: isGather ? node.inputs[0]!.shape[axis!]! : classes!, op: node.op.name }]
      : [];
  });
}
