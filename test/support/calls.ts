// Wrong calls as a caller without types may make them: each is answered with an error of Nabla's that names itself.
import { describe, expect, it } from 'vitest';
import * as typed from '../../src/index.common.js';

/** The public functions as JavaScript sees them. */
export const n = typed as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
export const loose = (value: unknown) => value as never;

/** What is called, the call, and what its error says. */
export type Wrong<Result = unknown> = [name: string, call: () => Result, message: RegExp];

export const x = typed.tensor([1, 2]);
export const image = typed.ones([1, 1, 2, 2]);
export const classes = typed.tensor([0, 1], [2], { dtype: 'i32' });
export const holdsItself: unknown[] = [];
holdsItself.push(holdsItself);

/** Tests that each call throws. */
export function testCalls(calls: readonly Wrong[]): void {
  describe('a wrong call', () => {
    it.each(calls)('%s names itself', (_, call, message) => {
      expect(call).toThrow(typed.NablaError);
      expect(call).toThrow(message);
    });
  });
}
