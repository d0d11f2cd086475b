// The sets of points, made on the page: they are in view before anything is compiled, and no answer can come late.
import { circles, moons, spiral, xor } from '../../src/data/points.js';
import type { Points, SetName } from './protocol.js';

const sets = { spiral, moons, xor, circles };
/** Points of a set. */
const EXAMPLES = 240;

/** A set of the library, moved and scaled into [−1, 1]². */
export function pointsOf(name: SetName, noise: number, seed: number): Points {
  const [batch] = sets[name]({ examples: EXAMPLES, noise, seed }).batches(EXAMPLES);
  const { inputs, labels } = batch!;
  const middles = [0, 1].map((axis) => {
    const values = [...inputs.data].filter((_: number, i: number) => i % 2 === axis);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return { middle: (low + high) / 2, reach: (high - low) / 2 };
  });
  const reach = Math.max(...middles.map((each) => each.reach));
  const places = Float32Array.from(
    inputs.data,
    (value, i) => (value - middles[i % 2]!.middle) / reach,
  );
  return { places, labels: Int32Array.from(labels.data) };
}
