// Writes what computes and stores the results of a group, element by element or four neighbours at a time.
import type { Tensor } from '../graph/tensor.js';
import type { Group } from '../planning/groups.js';
import { isVirtual } from '../planning/nodes.js';
import { flat } from '../wgsl/indices.js';
import { fromStorage, storageType, toStorage } from '../wgsl/types.js';
import { type AtHand, Writer } from '../wgsl/writer.js';
import type { EmitOptions } from './options.js';

/** A writer for a group's expressions. `atHand` is asked for its heads, and for all that it reads before that is read one by one. */
export function writerOf(group: Group, stored: ReadonlySet<Tensor>, atHand: AtHand): Writer {
  const own = new Set(group.members);
  const find: AtHand = (node, index) => {
    const isAtHand = own.has(node) ? !isVirtual(node) : stored.has(node);
    return isAtHand ? (atHand(node, index) ?? writer.read(node, index)) : undefined;
  };
  const writer = new Writer(find, group.kind === 'map' ? 0 : 1);
  writer.open('row', 'i', 'batch', 'm', 'n');
  return writer;
}

/** The name of a buffer that is read four neighbours at a time: as vec4s, but a word of u8 is four already. */
export const bindVectors = (writer: Writer, node: Tensor): string =>
  writer.bind(node, 'read', node.dtype !== 'u8');

/** One of four neighbours that were loaded at once. */
export const partOf = (node: Tensor, four: string, part: string): string =>
  node.dtype === 'u8'
    ? `((${four} >> (8u * ${part})) & 255u)`
    : fromStorage(node, `${four}[${part}]`);

/** The parts of a skeleton that computes and stores results. */
export interface Results {
  readonly writer: Writer;
  /** Before the lanes: loads of vec4s. */
  readonly loads: string;
  /** Of each lane. */
  readonly body: string;
  /** After the lanes. */
  readonly stores: string;
}

/**
 * Writes results one by one, or with `vectorAt` one lane of four neighbours: it gives the place of the vec4 that holds a node's
 * element, if the lanes are its neighbours too.
 */
export function writeResults(
  group: Group,
  { stored, target }: EmitOptions,
  vectorAt?: AtHand,
): Results {
  const { members, space } = group;
  const loads = new Set<string>();
  const stores: string[] = [];
  const writer = writerOf(group, stored, (node, index) => {
    if (members.includes(node)) return 'head';
    const vector = vectorAt?.(node, index);
    if (vector === undefined) return undefined;
    // four neighbours are loaded once
    const buffer = bindVectors(writer, node);
    loads.add(`let l_${buffer} = ${buffer}[${vector}];`);
    return partOf(node, `l_${buffer}`, 'lane');
  });
  const values = group.stores.map((node) => toStorage(node, writer.value(node, space.row)));
  for (const [r, node] of group.stores.entries()) {
    const buffer = writer.bind(target(node), 'read_write', vectorAt !== undefined);
    const result = vectorAt ? `r${r}[lane]` : `${buffer}[${flat(space.row)}]`;
    writer.push(`${result} = ${values[r]};`);
    if (!vectorAt) continue;
    loads.add(`var r${r}: vec4<${storageType(node.dtype)}>;`);
    stores.push(`${buffer}[${vectorAt(node, space.row)}] = r${r};`);
  }
  const body = writer.close();
  return { writer, loads: [...loads].join('\n'), body, stores: stores.join('\n') };
}

/** A loop over the columns of a row, `lanes` a turn. `zero` is known at run time alone, so that drivers do not unroll it where it is ROLLED. */
export function overColumns(body: string, lanes = 1): string {
  if (lanes === 1)
    return `for (var column = 0u; column < COLUMNS + ROLLED * zero; column++) {\n${body}\n}`;
  const turns = Array.from(
    { length: lanes },
    (_, lane) => `let column = first + ${lane}u;\n${body}`,
  );
  const all = turns.map((turn) => `{\n${turn}\n}`).join('\n');
  return `for (var first = 0u; first < COLUMNS + ROLLED * zero; first += ${lanes}u) {\n${all}\n}`;
}
