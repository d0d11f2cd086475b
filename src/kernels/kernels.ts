// Writes kernels for elementwise ops, reductions over rows and gradients of gather.
import foldSource from '../../shaders/fold.wgsl?raw';
import gatherSource from '../../shaders/gather.wgsl?raw';
import mapSkeleton from '../../shaders/map.wgsl?raw';
import reductionSkeleton from '../../shaders/reduction.wgsl?raw';
import type { PlanContext } from '../compiler/memory.js';
import { isVirtual } from '../compiler/partition.js';
import { foldedReads, indexOf, isScatter, type Unit, unitWriter } from '../compiler/units.js';
import { bytesPerElement } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { type AdapterClass, choices, MAX_GROUPS } from '../planning/limits.js';
import { countOf, flat, type Index } from '../wgsl/indices.js';
import type { Held, Kernel, Writer } from '../wgsl/writer.js';
import { fromStorage, registerType, storageType, toStorage } from '../wgsl/writer.js';

export interface EmitOptions extends PlanContext {
  readonly stored: ReadonlySet<Tensor>;
  /** Where a result is stored: itself, or the parameter that it updates in place. */
  readonly target: (node: Tensor) => Tensor;
}

/**
 * Writes what computes and stores a unit's results, one by one, or where it is `wide` one lane of four neighbours:
 * `vectorAt` is then the place of the vec4 that holds a node's element, if the lanes are its neighbours too.
 */
export function writeResults(
  unit: Unit,
  { stored, target }: EmitOptions,
  wide: boolean,
  vectorAt: Held,
) {
  const at = flat(unit.rowIndex);
  const loads = new Set<string>();
  const stores: string[] = [];
  const writer = unitWriter(unit, stored, (node, place) => {
    if (unit.members.includes(node)) return 'head';
    const vector = wide ? vectorAt(node, place) : undefined;
    if (!vector) return undefined;
    // four neighbours are loaded once; a u8 word is four already
    const buffer = writer.bind(node, 'read', node.dtype !== 'u8');
    loads.add(`let l_${buffer} = ${buffer}[${vector}];`);
    if (node.dtype === 'u8') return `((l_${buffer} >> (8u * lane)) & 255u)`;
    return fromStorage(node, `l_${buffer}[lane]`);
  });
  const values = unit.stores.map((node) => toStorage(node, writer.value(node, unit.rowIndex)));
  unit.stores.forEach((node, r) => {
    const buffer = writer.bind(target(node), 'read_write', wide);
    const place = wide ? `r${r}[lane]` : `${buffer}[${at}]`;
    writer.push(`${place} = ${values[r]};`);
    if (!wide) return;
    loads.add(`var r${r}: vec4<${storageType(node.dtype)}>;`);
    stores.push(`${buffer}[${vectorAt(node, at)}] = r${r};`);
  });
  return { writer, loads: [...loads].join('\n'), body: writer.close(), stores: stores.join('\n') };
}

const readsOwn = ({ reads, members }: Unit, node: Tensor): boolean =>
  reads.get(node) !== false && sizeOf(node.shape) === sizeOf(members[0]!.shape);

/** Whether a kernel may run over neighbours too: it has but its own element, of one width everywhere, and scalars. */
export const isElementwise = (unit: Unit): boolean => {
  const isOwn = (node: Tensor): boolean =>
    readsOwn(unit, node) && bytesPerElement(node.dtype) === 4;
  return [...unit.reads.keys(), ...unit.stores].every(
    (node) => isOwn(node) || sizeOf(node.shape) === 1,
  );
};

/**
 * An elementwise kernel. With `length`, one that runs over that many elements of buffers with one layout (the
 * parameters of a whole model).
 */
export function emitMap(
  unit: Unit,
  options: EmitOptions,
  length = sizeOf(unit.members[0]!.shape),
): Kernel {
  const wide = length % 4 === 0;
  const placeOf = (node: Tensor) => (readsOwn(unit, node) ? 'group' : undefined);
  const { writer, ...parts } = writeResults(unit, options, wide, placeOf);
  const LANES = wide ? 4 : 1;
  const GROUPS = Math.ceil(length / LANES);
  const workgroups = Math.min(Math.ceil(GROUPS / 64), choices[options.adapter].elementwiseGroups);
  const filling = { parts, constants: { LANES, GROUPS } };
  return writer.kernel(mapSkeleton, filling, [Math.max(1, workgroups), 1, 1]);
}

/** The bits at which the largest and the smallest start. */
const extremes = {
  f32: { max: '0xff800000u', min: '0x7f800000u' },
  i32: { max: '0x80000000u', min: '0x7fffffffu' },
  u32: { max: '0u', min: '0xffffffffu' },
} as const;

/** A loop over the columns of a row. */
const overColumns = (body: string): string =>
  `for (var column = 0u; column < COLUMNS + zero; column++) {\n${body}\n}`;

/** Writes the loop that folds one head into the variable `name`. */
function foldHead(writer: Writer, unit: Unit, head: Tensor, name: string): void {
  const { kernel } = head.op;
  const fold = kernel.kind === 'reduce' ? kernel.name : 'scatter';
  const type = registerType(head.inputs[0]!.dtype) as keyof typeof extremes;
  const call = (name: string, source = foldSource): string =>
    writer.vocabulary.take({ name, source }, type);
  writer.open('column');
  const [first, second] = foldedReads(head, unit).map(([node, index]) => writer.value(node, index));
  const body = writer.close();
  // `zero` is known at run time alone, because WGSL refuses infinite constants
  let start =
    fold === 'max' || fold === 'min'
      ? `bitcast<${type}>(${extremes[type][fold]} | zero)`
      : `${type}(0)`;
  let combine: string;
  if (fold === 'scatter') {
    const row = `(row / ${head.shape[2]}u) % ${head.shape[1]}u`;
    combine = `${name} = ${call('scatter_add', gatherSource)}(${name}, ${second}, u32(${first}), ${row});`;
  } else if (fold === 'arg_max') {
    start = `0i;\nvar ${name}_best = ${start}`;
    const best = `${name}_best`;
    const wins = `let wins = (column == 0u) | ${call('exceeds')}(${first}, ${best});`;
    const place = `${name} = select(${name}, i32(column), wins);`;
    combine = `${wins}\n${best} = select(${best}, ${first}, wins);\n${place}`;
  } else combine = `${name} = ${call(`fold_${fold}`)}(${name}, ${first});`;
  writer.push(`var ${name} = ${start};\n${overColumns(`${body}\n${combine}`)}`);
}

/** Whether one invocation had better make a whole row of a gather's gradient: it reads an index once for all of the row. */
function scattersRows({ members }: Unit, adapter: AdapterClass): boolean {
  const [head] = members;
  if (members.length > 1 || !isScatter(head!) || head!.dtype !== 'f32') return false;
  const comparisons = sizeOf(head!.shape) * head!.inputs[1]!.shape[0]!;
  return comparisons > choices[adapter].manyComparisons;
}

/** The gradient of a gather, row by row: each walks the index list in order and adds to itself what it owns. */
function foldRows(writer: Writer, unit: Unit, target: EmitOptions['target']): void {
  const head = unit.members[0]!;
  const [index, value] = foldedReads(head, unit);
  writer.open('column');
  const found = `u32(${writer.value(...index!)})`;
  writer.open('row');
  const added = writer.value(...value!);
  const [inside, around] = [writer.close(), writer.close()];
  const own = `${writer.bind(target(head), 'read_write')}[row]`;
  const place = `slot % ${head.shape[1]}u`;
  const add = writer.vocabulary.take({ name: 'scatter_add', source: gatherSource });
  const along = (body: string): string =>
    `for (var j = 0u; j < INNER + zero; j++) {\nlet row = slot * INNER + j;\n${body}\n}`;
  const sum = along(`${inside}\n${own} = ${add}(${own}, ${added}, ${found}, ${place});`);
  const matching = `if (${found} == ${place}) {\n${sum}\n}`;
  writer.push(
    `let slot = row;\n${along(`${own} = 0.0;`)}\n${overColumns(`${around}\n${matching}`)}`,
  );
}

/** A reduction, with everything that depends on its rows and elements: an invocation for each row, or for each row of blocks. */
export function emitReduce(unit: Unit, { stored, adapter, target }: EmitOptions): Kernel {
  const heads = unit.members.filter((node) => !isVirtual(node));
  const nameOf = (head: Tensor): string => `h${heads.indexOf(head)}`;
  const writer = unitWriter(unit, stored, (node) =>
    heads.includes(node) ? nameOf(node) : undefined,
  );
  const byRows = scattersRows(unit, adapter);
  if (byRows) foldRows(writer, unit, target);
  else for (const head of heads) foldHead(writer, unit, head, nameOf(head));
  const store = (index: Index): void => {
    for (const node of unit.stores.filter((each) => indexOf(unit, each) === index)) {
      const value = toStorage(node, writer.value(node, index));
      writer.push(`${writer.bind(target(node), 'read_write')}[${flat(index)}] = ${value};`);
    }
  };
  if (!byRows) store(unit.rowIndex);
  writer.open('column');
  store(unit.elementIndex);
  const perElement = writer.close();
  if (perElement) writer.push(overColumns(perElement));
  const body = writer.close();
  const INNER = byRows ? heads[0]!.shape[2]! : 1;
  const ROWS = countOf(unit.rowIndex) / INNER;
  const COLUMNS = countOf(unit.elementIndex) / countOf(unit.rowIndex);
  const GROUP_X = ROWS >= choices[adapter].manyRows ? 64 : 8;
  const groups = Math.max(1, Math.ceil(ROWS / GROUP_X));
  const down = Math.ceil(groups / MAX_GROUPS);
  const ACROSS = Math.ceil(groups / down);
  const constants = { GROUP_X, GROUP_Y: 1, ACROSS, ROWS, COLUMNS, INNER };
  return writer.kernel(reductionSkeleton, { parts: { body }, constants }, [ACROSS, down, 1]);
}
