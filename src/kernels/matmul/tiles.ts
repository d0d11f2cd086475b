// Which tile of outputs an invocation of a matrix product computes, and in how many slices of k.
import { choices, type Footprint, type Tile } from '../../planning/limits.js';
import { chooseCut, withTile } from '../../planning/products.js';
import type { EmitOptions } from '../options.js';
import { extentsOf, type Product } from './product.js';

/** How workgroups cover a product. Slices depend on its shape alone; of its tiles each gives the same bits. */
export function chooseFootprint(
  product: Product,
  { adapter, lanes, tileOf }: EmitOptions,
  isSmall: boolean,
): Footprint {
  const { name, m, n } = product;
  const known = tileOf?.(name);
  const cut = chooseCut(adapter, extentsOf(product));
  if (cut) return { tile: known ? withTile(cut, known) : cut.tile, slices: cut.slices };
  const [first] = choices[adapter].tiles;
  return { tile: fit(known ?? first, lanes, isSmall, m, n), slices: 1 };
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
