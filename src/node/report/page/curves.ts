// Arithmetic on cost curves: a running mean, and values at steps that several curves share.

/** Points of a curve: [step, cost], in ascending order of steps. */
export type Curve = readonly (readonly [step: number, cost: number])[];

/** Weight that a cost keeps in the running mean from one step to the next. */
const DECAY = 0.98;

/** The exponentially weighted mean of the costs up to each point, corrected for the start as Adam's moments are. */
export function runningMean(costs: Curve): Curve {
  let mean = 0;
  let weight = 0;
  let last = 0;
  return costs.map(([step, cost]) => {
    const fresh = 1 - DECAY ** (step - last);
    last = step;
    mean += fresh * (cost - mean);
    weight += fresh * (1 - weight);
    return [step, mean / weight];
  });
}

/** A curve's costs at the given steps, which ascend, interpolated linearly; null beyond its ends. */
export function resample(curve: Curve, at: readonly number[]): (number | null)[] {
  let next = 0;
  return at.map((step) => {
    for (let point = curve[next]; point && point[0] < step; point = curve[next]) next++;
    const after = curve[next];
    const before = curve[next - 1] ?? after;
    if (!before || !after || before[0] > step) return null;
    const share = (step - before[0]) / (after[0] - before[0] || 1);
    return before[1] + share * (after[1] - before[1]);
  });
}

/** At most so many steps from 1 to the last, evenly spaced. */
export function stepGrid(last: number, points: number): number[] {
  const steps = new Set<number>();
  for (let i = 0; i < points; i++) steps.add(1 + Math.round(((last - 1) * i) / (points - 1)));
  return [...steps];
}
