// Arithmetic on cost curves: a running mean, and values at steps that several curves share.

/** A curve's points: [step, cost of its batch]. */
export type CostCurve = readonly (readonly [step: number, cost: number])[];

/** Weight that a cost keeps in the running mean from one step to the next. */
const DECAY = 0.98;

/** The exponentially weighted mean of the costs up to each point, corrected for the start as Adam's moments are. */
export function runningMean(costs: CostCurve): number[] {
  let mean = 0;
  let weight = 0;
  let last = 0;
  return costs.map(([step, cost]) => {
    const fresh = 1 - DECAY ** (step - last);
    last = step;
    mean += fresh * (cost - mean);
    weight += fresh * (1 - weight);
    return mean / weight;
  });
}

/** A curve's values at the given steps, which ascend, interpolated linearly; null beyond its ends. */
export function resample(
  steps: readonly number[],
  values: readonly number[],
  at: readonly number[],
): (number | null)[] {
  let next = 0;
  return at.map((step) => {
    while (next < steps.length && steps[next]! < step) next++;
    if (next === steps.length || (next === 0 && steps[0]! > step)) return null;
    const before = Math.max(0, next - 1);
    const share = (step - steps[before]!) / (steps[next]! - steps[before]! || 1);
    return values[before]! + share * (values[next]! - values[before]!);
  });
}

/** At most so many steps from 1 to the last, evenly spaced. */
export function stepGrid(last: number, points: number): number[] {
  const steps = Array.from({ length: points }, (_, i) => 1 + Math.round(((last - 1) * i) / (points - 1)));
  return [...new Set(steps)];
}
