// Marks: ops that leave values as they are and say what these are, for what rewrites programs. Lowering drops them.
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import { defineIndex } from '../graph/define.js';
import type { Some } from '../graph/op.js';
import { isOf, type Tensor } from '../graph/tensor.js';

/**
 * A mark by its name. Beside the value it may hold what the value is about. It is linear, and its derivative is marked
 * in the same way.
 */
function mark(name: string) {
  const put = (x: Tensor, ...about: readonly Tensor[]): Tensor =>
    op([x, ...about], { shape: x.shape, dtype: x.dtype });
  const op = defineIndex<{ shape: Shape; dtype: DType }, Some>({
    name,
    cost: 'free',
    view: 'same',
    vjp: ({ inputs: [, ...about], cotangent }) => [
      put(cotangent, ...about),
      ...about.map(() => undefined),
    ],
    reference: ([x]) => x,
    write: ({ flat, read }) => read(0, flat),
  });
  return {
    put,
    /** The value that a node marks, and what it is about; nothing for a node that is not this mark. */
    under: (node: Tensor): readonly Tensor[] => (isOf(node, op) ? node.inputs : []),
  };
}

/** What a backward pass starts from, and a node that stands for the pass: all that it computes is linear in this. */
export const seed = mark('seed');
/** What a backward pass gives, the pass, and the parameter that it is the gradient of, if it is of one. */
export const gradient = mark('gradient');
/** The next value of what is not trained, such as a cursor: a step that skips what is trained sets it all the same. */
export const always = mark('always');
