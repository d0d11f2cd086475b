// The kernel of a fusion group.
import type { Group } from '../planning/groups.js';
import type { Kernel } from '../wgsl/bindings.js';
import { emitMap } from './map.js';
import { emitMatmul } from './matmul/emit.js';
import type { EmitOptions } from './options.js';
import { emitReduce } from './reduce.js';
import { emitRows, isFoldedSideBySide } from './rows.js';
import { emitWritten } from './written.js';

/** Writes the kernel of a group. */
export function emit(group: Group, options: EmitOptions): Kernel {
  switch (group.kind) {
    case 'map':
      return emitMap(group, options);
    case 'reduce':
      return isFoldedSideBySide(group, options.adapter)
        ? emitRows(group, options)
        : emitReduce(group, options);
    case 'written':
      return emitWritten(group, options);
    case 'matmul':
      return emitMatmul(group, options);
    default:
      return group.kind satisfies never;
  }
}
