// Values on the host in float64, as references compute with them, and what views of them hold.
import { type DType, hostArray, isFloat, type TensorData, type TypedArray } from './dtype.js';
import { broadcastSteps, eachPlace, type Shape, sameShape, sizeOf } from './shape.js';

/** Values in float64, or in the integer type itself. */
export function hostData(shape: Shape, dtype: DType | 'f64', data: TypedArray): TensorData {
  return { shape, dtype: isFloat(dtype) ? 'f64' : dtype, data };
}

/** Returns the values of a view that reads x at offset + Σ coordinate · step. */
export function viewData(
  x: TensorData,
  shape: Shape,
  steps: readonly number[],
  offset = 0,
): TypedArray {
  const data = hostArray(x.dtype, sizeOf(shape));
  eachPlace(shape, steps, offset, (place, i) => {
    data[i] = x.data[place]!;
  });
  return data;
}

/** Returns values repeated to a wider shape, by the rules of `broadcastTo`. */
export function broadcastData(x: TensorData, shape: Shape): TensorData {
  if (sameShape(x.shape, shape)) return x;
  const steps = broadcastSteps(x.shape, shape);
  return { ...x, shape, data: viewData(x, shape, steps) };
}
