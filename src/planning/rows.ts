// How a row kernel's invocations lie over rows and columns. It follows from the space alone, so that bits do too.
import { countOf, type Index, vectorIndex } from '../wgsl/indices.js';
import type { Space } from './groups.js';
import { fusion, rowKernels } from './limits.js';

/** How lanes lie over rows and columns; shaders/rows.wgsl has the words. */
export interface Layout {
  readonly LANES: number;
  readonly SIDE: number;
  readonly LINES: number;
  readonly NEXT_ROW: number;
  readonly NEXT_COLUMN: number;
  readonly ROWS: number;
  readonly BLOCKS: number;
  readonly PARTS: number;
  readonly CHUNK: number;
}

/** The smallest power of two that is as large. */
const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, least)));

/** Where the vec4 lies that holds four neighbouring columns. */
export const vectorAt = (index: Index): Index | undefined =>
  vectorIndex(index, 'column', 'block', 'row');

/** The layout over a space. */
export function layoutOf({ row, element }: Space): Layout {
  const { lanes, invocations, neighbours, chunk } = rowKernels;
  const ROWS = countOf(row);
  const columns = countOf(element) / ROWS;
  const isAlongColumns = element.at(-1)?.base === 'column';
  const PARTS = vectorAt(element) ? 4 : 1;
  const BLOCKS = columns / PARTS;
  const LANES = countOf(element) <= fusion.smallFold ? lanes.small : lanes.large;
  const rowsAtOnce = isAlongColumns ? 1 : Math.min(powerOfTwo(ROWS), neighbours.rows);
  const most = Math.min(LANES / rowsAtOnce, powerOfTwo(BLOCKS));
  const least = isAlongColumns ? Math.min(most, neighbours.blocks) : 1;
  const SIDE = Math.max(least, Math.min(most, powerOfTwo(invocations / ROWS)));
  const LINES = LANES / SIDE;
  const [NEXT_ROW, NEXT_COLUMN] = isAlongColumns ? [SIDE, 1] : [1, LINES];
  // a chain of as many blocks as there are chains
  const CHUNK = SIDE * Math.max(chunk, powerOfTwo(Math.sqrt(BLOCKS / SIDE)));
  return { LANES, SIDE, LINES, NEXT_ROW, NEXT_COLUMN, ROWS, BLOCKS, PARTS, CHUNK };
}

/** Whether lanes are so many that they may store elements as well: of few long rows, an elementwise kernel has more. */
export function mayStoreElements(space: Space): boolean {
  const { ROWS, LINES, SIDE } = layoutOf(space);
  const { workgroups, elements } = rowKernels.storing;
  return ROWS / LINES >= workgroups || countOf(space.element) <= elements * ROWS * SIDE;
}
