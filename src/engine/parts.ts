// What an engine is made with beside its backend.
import type { watch } from '../check/anomaly.js';
import type { CrossCheck, OnCheck } from '../check/compare.js';
import type { OpenFolder } from '../core/folder.js';

/** What an engine is made with beside its backend. */
export interface EngineParts {
  readonly crossCheck?: CrossCheck | undefined;
  readonly onCheck?: OnCheck | undefined;
  readonly anomaly?: typeof watch | undefined;
  readonly openFolder?: OpenFolder | undefined;
}
