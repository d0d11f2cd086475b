// Which tile of outputs an invocation of a matrix product computes.
import { choices, type Tile } from '../../planning/limits.js';
import type { EmitOptions } from '../options.js';
import type { Product } from './product.js';

/** The tile of a product. Small ones take small tiles: little text, and work for every core. */
export function chooseTile(
  { name, m, n }: Product,
  { adapter, lanes, tileOf }: EmitOptions,
  isSmall: boolean,
): Tile {
  const { tiles, fewOutputs } = choices[adapter];
  const [first, second] = tiles;
  const usual = m * n < fewOutputs ? second : first;
  return fit(tileOf?.(name) ?? usual, lanes, isSmall, m, n);
}

/** A tile no larger than [m, n]. Lanes lie along n. */
function fit(tile: Tile, lanes: number, isSmall: boolean, m: number, n: number): Tile {
  const [given, mostRows, mostColumns, mostAcross, mostDown] = tile;
  const isAlone = given === 'lanes' && lanes === 1;
  const kind = isAlone || (given === 'shared' && isSmall) ? 'registers' : given;
  if (kind === 'shared') return tile;
  const smallRows = kind === 'lanes' ? 2 : 1;
  const rows = isSmall ? smallRows : Math.min(mostRows, Math.ceil(m / 4));
  const columns = isSmall ? 1 : Math.min(mostColumns, Math.ceil(n / 4));
  if (kind === 'lanes') return [kind, rows, columns, lanes, 1];
  const across = Math.min(mostAcross, Math.ceil(n / (4 * columns)));
  const down = Math.min(mostDown, Math.ceil(m / (4 * rows)));
  return [kind, rows, columns, across, down];
}
