import type { Tensor } from '../graph/tensor.js';
import { flat } from './index.js';
import { members, type Unit, type Units } from './units.js';

/** The parameter that each next value is for. */
type Targets = ReadonlyMap<Tensor, Tensor>;

/** Whether a unit may write a next value over its parameter: it makes nothing else, and reads no other element of it. */
function canOverwrite(unit: Unit | undefined, parameter: Tensor, targets: Targets): boolean {
  const places = [...(unit?.reads.get(parameter) ?? [])];
  return (
    unit?.kind === 'map' &&
    members(unit).every((node) => targets.has(node)) &&
    places.every((at) => at === flat(unit.rowIndex))
  );
}

/**
 * Orders units so that each follows what it reads, and a unit that overwrites a parameter in place follows every
 * reader of the old value. Next values for which that is impossible are left out of `inPlace` and copied later.
 */
export function schedule(units: Units, targets: Targets): { order: Unit[]; inPlace: Set<Tensor> } {
  const nexts = [...targets].filter(([next, parameter]) => canOverwrite(units.unitOf.get(next), parameter, targets));
  const inPlace = new Set(nexts.map(([next]) => next));
  for (;;) {
    const { order, stuck } = sort(units, targets, inPlace);
    if (stuck.length === 0) return { order, inPlace };
    const blocked = stuck.find(({ roots }) => roots.some((node) => inPlace.has(node)));
    if (!blocked) throw new RangeError('kernels depend on each other in a circle');
    for (const node of blocked.roots) inPlace.delete(node);
  }
}

/** Units that can follow all that they wait for, in order, and those that cannot. */
function sort(
  { units, unitOf, users }: Units,
  targets: Targets,
  inPlace: ReadonlySet<Tensor>,
): { order: Unit[]; stuck: Unit[] } {
  const after = new Map<Unit, Unit[]>(units.map((unit) => [unit, []]));
  const waits = new Map<Unit, number>();
  for (const unit of units) {
    const makers = [...unit.needs].flatMap((node) => unitOf.get(node) ?? []);
    const overwritten = unit.roots.flatMap((node) => (inPlace.has(node) ? [targets.get(node)!] : []));
    const first = new Set([...makers, ...overwritten.flatMap((parameter) => [...(users.get(parameter) ?? [])])]);
    first.delete(unit);
    waits.set(unit, first.size);
    for (const each of first) after.get(each)!.push(unit);
  }
  const order: Unit[] = [];
  const ready = units.filter((unit) => waits.get(unit) === 0).reverse();
  for (let unit = ready.pop(); unit; unit = ready.pop()) {
    order.push(unit);
    for (const next of after.get(unit)!) {
      waits.set(next, waits.get(next)! - 1);
      if (waits.get(next) === 0) ready.push(next);
    }
  }
  return { order, stuck: units.filter((unit) => waits.get(unit)! > 0) };
}
