import type { Tensor } from '../graph/tensor.js';
import { sizeOf } from '../shape.js';
import { isVirtual } from './partition.js';
import { members, type Unit, type Units, unitWriter } from './units.js';

/** Whether a unit reads a parameter elsewhere than at the element it computes: then it cannot write it in place. */
function readsElsewhere(unit: Unit, parameter: Tensor, stored: ReadonlySet<Tensor>): boolean {
  if (!unit.reads.has(parameter)) return false;
  let elsewhere = false;
  const own = sizeOf(unit.roots[0]!.shape) > 1 ? 'i' : '0u';
  const writer = unitWriter(unit, stored, {
    onRead: (node, at) => {
      if (node === parameter && at !== own) elsewhere = true;
    },
  });
  for (const root of unit.roots) writer.value(root, unit.rowIndex);
  return elsewhere;
}

/**
 * Orders units so that each follows what it reads, and a unit that overwrites a parameter in place follows every
 * reader of the old value. Next values for which that is impossible are left out of `inPlace` and copied later.
 */
export function schedule(units: Units, targets: ReadonlyMap<Tensor, Tensor>): { order: Unit[]; inPlace: Set<Tensor> } {
  const { stored } = units.partition;
  const inPlace = new Set<Tensor>();
  for (const [next, parameter] of targets) {
    const unit = units.unitOf.get(next);
    if (
      unit &&
      unit.kind === 'map' &&
      isVirtual(next) &&
      members(unit).every((node) => targets.has(node)) &&
      !readsElsewhere(unit, parameter, stored)
    )
      inPlace.add(next);
  }
  for (;;) {
    const { order, stuck } = sort(units, targets, inPlace);
    if (stuck.length === 0) return { order, inPlace };
    const blocked = stuck.flatMap((unit) => unit.roots).find((node) => inPlace.has(node));
    if (!blocked) throw new RangeError('kernels depend on each other in a circle');
    for (const node of units.unitOf.get(blocked)!.roots) inPlace.delete(node);
  }
}

function sort(
  units: Units,
  targets: ReadonlyMap<Tensor, Tensor>,
  inPlace: ReadonlySet<Tensor>,
): { order: Unit[]; stuck: Unit[] } {
  const after = new Map<Unit, Set<Unit>>(units.units.map((unit) => [unit, new Set()]));
  const waits = new Map<Unit, number>(units.units.map((unit) => [unit, 0]));
  const edge = (first: Unit, second: Unit): void => {
    if (first === second || after.get(first)!.has(second)) return;
    after.get(first)!.add(second);
    waits.set(second, waits.get(second)! + 1);
  };
  const readers = new Map<Tensor, Unit[]>();
  for (const unit of units.units)
    for (const node of unit.needs) {
      const producer = units.unitOf.get(node);
      if (producer) edge(producer, unit);
      readers.set(node, [...(readers.get(node) ?? []), unit]);
    }
  for (const next of inPlace)
    for (const reader of readers.get(targets.get(next)!) ?? []) edge(reader, units.unitOf.get(next)!);
  const order: Unit[] = [];
  const ready = units.units.filter((unit) => waits.get(unit) === 0).reverse();
  for (let unit = ready.pop(); unit; unit = ready.pop()) {
    order.push(unit);
    for (const next of after.get(unit)!) {
      waits.set(next, waits.get(next)! - 1);
      if (waits.get(next) === 0) ready.push(next);
    }
  }
  const done = new Set(order);
  return { order, stuck: units.units.filter((unit) => !done.has(unit)) };
}
