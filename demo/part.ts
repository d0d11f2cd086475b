// What main.ts asks of each part of the page.
import type { Machine } from './protocol.js';
import type { Closeness } from './trust/protocol.js';

export interface PartPage {
  /** The worker is new: say again what it has to know. */
  reopen(): void;
  /** The worker is gone. */
  broken(): void;
  /** The new worker says what it computes on. */
  opened?(machine: Machine): void;
  /** A kernel call of any part was cross-checked. */
  checked?(closeness: Closeness): void;
  /** The part comes into view or leaves it. */
  show?(isVisible: boolean): void;
  /** After a change between light and dark. */
  recolour?(): void;
}
