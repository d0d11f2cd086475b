import foldSource from '../../shaders/fold.wgsl?raw';
import gatherSource from '../../shaders/gather.wgsl?raw';
import mapSkeleton from '../../shaders/map.wgsl?raw';
import reductionSkeleton from '../../shaders/reduction.wgsl?raw';
import { bytesPerElement } from '../dtype.js';
import type { Tensor } from '../graph/tensor.js';
import { sizeOf } from '../shape.js';
import { flat } from './index.js';
import { foldedReads, indexOf, members, type Unit, unitWriter } from './units.js';
import { fillSkeleton } from './vocabulary.js';
import { type Binding, registerType, storageType, type Writer } from './writer.js';

/** A kernel as text, with what it binds and how many workgroups it takes. */
export interface Kernel {
  readonly wgsl: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
}

/** What decides between kernels of one meaning: the kind of adapter. */
export type AdapterClass = 'swiftshader' | 'lavapipe' | 'gpu';

export interface EmitOptions {
  readonly stored: ReadonlySet<Tensor>;
  readonly adapter: AdapterClass;
  /** Where a result is stored: itself, or the parameter that it updates in place. */
  readonly target: (node: Tensor) => Tensor;
  /** Replaces the committed table of matmul tiles. */
  readonly tile?: Tile;
}

/** A matmul tile: 4·rows × 4·columns outputs an invocation, in workgroups of x × y invocations. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly x: number;
  readonly y: number;
}

const MAX_GROUPS = 65535;
/** Workgroups over x and y, since one dimension holds 65,535. */
export function spreadGroups(count: number): [number, number, number] {
  const y = Math.ceil(count / MAX_GROUPS);
  return [Math.max(1, Math.ceil(count / y)), Math.max(1, y), 1];
}

/** A register value as a buffer holds it. */
export const toStorage = (node: Tensor, value: string): string =>
  node.dtype === 'bool' ? `select(0u, 1u, ${value})` : node.dtype === 'f16' ? `f16(${value})` : value;

/** The parts that every skeleton has. */
export const frame = (
  writer: Writer,
  lengthOf?: (node: Tensor) => number,
): { vocabulary: string; declarations: string } => ({
  vocabulary: String(writer.vocabulary),
  declarations: writer.declarations(lengthOf),
});

/** Elements an invocation handles in one go; few fat workgroups suit software adapters, many thin ones hardware. */
const mapGroups = (groups: number, adapter: AdapterClass): number =>
  Math.max(1, Math.min(Math.ceil(groups / 64), adapter === 'gpu' ? 4096 : 32));

/**
 * An elementwise kernel. With `count`, one that runs over that many elements of buffers with one layout (the
 * parameters of a whole model); it is undefined then if an expression reads anything but its own element and scalars.
 */
export function emitMap(unit: Unit, { stored, adapter, target }: EmitOptions, count?: number): Kernel | undefined {
  const size = sizeOf(unit.roots[0]!.shape);
  const places = new Map<Tensor, Set<string>>();
  const survey = unitWriter(unit, stored, {
    onRead: (node, at) => places.set(node, (places.get(node) ?? new Set()).add(at)),
  });
  for (const root of unit.roots) survey.value(root, unit.rowIndex);
  const ownElement = (node: Tensor): boolean =>
    sizeOf(node.shape) === size && [...(places.get(node) ?? [])].every((at) => at === 'i');
  if (count !== undefined && [...places.keys()].some((node) => !ownElement(node) && sizeOf(node.shape) !== 1))
    return undefined;
  const length = count ?? size;
  const wide =
    length % 4 === 0 &&
    [...places.keys(), ...unit.stores].every((node) => bytesPerElement(node.dtype) === 4 || node.dtype === 'u8');
  const loads: string[] = [];
  const writer = unitWriter(unit, stored, {
    load: (node) => (wide && ownElement(node) ? vectorLoad(writer, loads, node, 'group') : undefined),
  });
  const body: string[] = [];
  const results = unit.roots.map((root) => writer.value(root, unit.rowIndex));
  body.push(writer.close());
  const stores: string[] = [];
  unit.roots.forEach((root, r) => {
    if (!unit.stores.includes(root)) return;
    const buffer = writer.bind(target(root), 'read_write', wide);
    const value = toStorage(root, results[r]!);
    if (wide) loads.push(`var r${r}: vec4<${storageType(root.dtype)}>;`);
    body.push(wide ? `r${r}[\${lane}] = ${value};` : `${buffer}[i] = ${value};`);
    if (wide) stores.push(`${buffer}[group] = r${r};`);
  });
  const lanes = wide ? 4 : 1;
  const lengthOf = (node: Tensor): number =>
    count !== undefined && sizeOf(node.shape) === size ? count : sizeOf(node.shape);
  const parts = {
    ...frame(writer, lengthOf),
    prologue: writer.prologue,
    loads: loads.join('\n'),
    body: body.join('\n'),
    stores: stores.join('\n'),
  };
  const groups = Math.ceil(length / lanes);
  const wgsl = fillSkeleton(mapSkeleton, parts, { LANES: lanes, GROUPS: groups });
  return { wgsl, bindings: writer.bindings, workgroups: [mapGroups(groups, adapter), 1, 1] };
}

/** Loads four neighbouring elements once and returns one lane; a u8 word is four already. */
export function vectorLoad(writer: Writer, loads: string[], node: Tensor, at: string): string {
  const buffer = writer.bind(node, 'read', node.dtype !== 'u8');
  const name = `l_${buffer}`;
  if (!loads.some((line) => line.startsWith(`let ${name} `))) loads.push(`let ${name} = ${buffer}[${at}];`);
  if (node.dtype === 'u8') return `((${name} >> (8u * \${lane}u)) & 255u)`;
  return node.dtype === 'bool' ? `(${name}[\${lane}] != 0u)` : `${name}[\${lane}]`;
}

/** The value that a fold starts from; −∞ needs a run-time zero, because WGSL refuses infinite constants. */
function identity(head: Tensor): string {
  const type = registerType(head.inputs[0]!.dtype);
  const name = head.op.kernel.kind === 'reduce' ? head.op.kernel.name : 'sum';
  if (name === 'sum') return `${type}(0)`;
  const low = name !== 'min';
  if (type === 'f32') return `bitcast<f32>(${low ? '0xff800000u' : '0x7f800000u'} | (row & 0u))`;
  if (type === 'u32') return low ? '0u' : '0xffffffffu';
  return low ? 'i32(-2147483647 - 1)' : '2147483647';
}

/** Writes the loop that folds one head into the variable `name`. */
function foldHead(writer: Writer, unit: Unit, head: Tensor, name: string): void {
  const { kernel } = head.op;
  const type = registerType(head.inputs[0]!.dtype) as 'f32' | 'i32' | 'u32';
  writer.open('column');
  const [first, second] = foldedReads(head, unit).map(([node, index]) => writer.value(node, index));
  let combine: string;
  if (kernel.kind === 'scatter') {
    const rows = head.shape[1]!;
    const fold = writer.vocabulary.take('scatter_add', gatherSource);
    combine = `${name} = ${fold}(${name}, ${second}, u32(${first}), (row / ${head.shape[2]}u) % ${rows}u);`;
  } else if (kernel.kind === 'reduce' && kernel.name === 'arg_max') {
    const exceeds = writer.vocabulary.take('exceeds', foldSource, type);
    combine = `if (column == 0u || ${exceeds}(${first}, ${name}_best)) { ${name}_best = ${first}; ${name} = i32(column); }`;
  } else {
    const fold = writer.vocabulary.take(`fold_${kernel.kind === 'reduce' ? kernel.name : 'sum'}`, foldSource, type);
    combine = `${name} = ${fold}(${name}, ${first});`;
  }
  const body = writer.close();
  const best = kernel.kind === 'reduce' && kernel.name === 'arg_max';
  writer.push(best ? `var ${name} = 0i;\nvar ${name}_best = ${identity(head)};` : `var ${name} = ${identity(head)};`);
  writer.push(`for (var column = 0u; column < COLUMNS + zero; column++) {\n${body}\n${combine}\n}`);
}

/** A reduction with everything that depends on its rows and elements. */
export function emitReduce(unit: Unit, { stored, adapter, target }: EmitOptions): Kernel {
  const names = new Map<Tensor, string>();
  const writer = unitWriter(unit, stored, { local: (head) => names.get(head)! });
  const rows = unit.rowIndex.reduce((product, { extent }) => product * extent, 1);
  const columns = unit.elementIndex!.reduce((product, { extent }) => product * extent, 1) / rows;
  unit.heads.forEach((head, i) => {
    foldHead(writer, unit, head, `h${i}`);
    names.set(head, `h${i}`);
  });
  const store = (node: Tensor): void => {
    const index = indexOf(unit, node)!;
    const value = toStorage(node, writer.value(node, index));
    writer.push(`${writer.bind(target(node), 'read_write')}[${flat(index)}] = ${value};`);
  };
  const wanted = members(unit).filter((node) => unit.stores.includes(node));
  const perRow = wanted.filter((node) => indexOf(unit, node) === unit.rowIndex);
  perRow.forEach(store);
  const perElement = wanted.filter((node) => !perRow.includes(node));
  if (perElement.length > 0) {
    writer.open('column');
    perElement.forEach(store);
    const body = writer.close();
    writer.push(`for (var column = 0u; column < COLUMNS + zero; column++) {\n${body}\n}`);
  }
  const body = writer.close();
  const group = adapter === 'gpu' ? 64 : Math.min(64, Math.max(1, Math.ceil(rows / 4)));
  const wgsl = fillSkeleton(
    reductionSkeleton,
    { ...frame(writer), prologue: writer.prologue, body },
    { GROUP: group, ROWS: rows, COLUMNS: columns },
  );
  return { wgsl, bindings: writer.bindings, workgroups: spreadGroups(Math.ceil(rows / group)) };
}
