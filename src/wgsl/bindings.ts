// What kernels bind: buffers of nodes, as b0, b1, …, and the text of a kernel that declares them.
import { sizeOf } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { type Code, render } from './kernel.js';
import { type Arrays, storageType } from './types.js';

/** A buffer that a kernel binds: the node whose value it holds, and how. */
export interface Binding {
  readonly node: Tensor;
  readonly access: 'read' | 'read_write';
  /** Bound as vec4s. */
  readonly vector: boolean;
  /** Its name in a kernel that was written out, where it has as many elements as its shape. */
  readonly name?: string;
}

/** A kernel: what it says, what it binds and how many workgroups it takes. */
export interface Kernel {
  readonly code: Code;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Bytes of workgroup memory that it takes, where others may join it. */
  readonly workgroupBytes?: number;
  /** Of a matrix product: its orientation and sizes, by which a tile is chosen. */
  readonly product?: string;
}

/** The number of a binding, added on first use; `read_write` wins over `read`. */
export function addBinding(bindings: Binding[], binding: Binding): number {
  const { node, vector } = binding;
  const known = bindings.findIndex((each) => each.node === node && each.vector === vector);
  if (known < 0) return bindings.push(binding) - 1;
  if (binding.access === 'read_write') bindings[known] = binding;
  return known;
}

/** The part of a buffer that a kernel binds. */
interface Bound {
  readonly binding: Binding;
  readonly access: Binding['access'];
  readonly bytes: number;
}

/** Declares a buffer, as an array of the length that its binding has at least or of whatever length it has. */
function declared({ binding, access, bytes }: Bound, number: number, arrays: Arrays): string {
  const { node, vector, name = `b${number}` } = binding;
  const scalar = storageType(node.dtype);
  const element = vector ? `vec4<${scalar}>` : scalar;
  const elementBytes = (node.dtype === 'f16' ? 2 : 4) * (vector ? 4 : 1);
  const length = binding.name ? Math.max(1, sizeOf(node.shape)) : bytes / elementBytes;
  const type = arrays === 'fixed' ? `array<${element}, ${length}>` : `array<${element}>`;
  return `@group(0) @binding(${number}) var<storage, ${access}> ${name}: ${type};`;
}

/** The text of a kernel whose buffers are bound so, with arrays in this form wherever it can be. */
export function wholeText(code: Code, bound: readonly Bound[], arrays: Arrays): string {
  const isHalf = bound.some(({ binding }) => binding.node.dtype === 'f16');
  const extensions = [...(isHalf ? ['f16'] : []), ...code.extensions];
  const form = code.takesWholes ? 'fixed' : arrays;
  const declarations = bound.map((each, number) => declared(each, number, form));
  return render({ ...code, extensions }, declarations);
}
