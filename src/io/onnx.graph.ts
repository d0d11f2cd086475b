// The nodes and constants of an ONNX graph under construction, as fields of a GraphProto (onnx.proto).
import type { DType, TensorData } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import { bytesOf, type Fields, int, message, text } from './protobuf.js';
import { stored } from './safetensors.formats.js';

/** TensorProto.DataType of each dtype. */
export const types: Readonly<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i32: 6,
  bool: 9,
  f16: 10,
  u32: 12,
};
/** The same of int64, which ONNX has for shapes and indices. */
export const INT64 = 7;

type Attribute = number | readonly number[];
/** Attributes of a node: whole numbers or lists of them. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** An AttributeProto: INT is type 2 in field 3, INTS type 7 in field 8. */
function attribute([name, value]: readonly [string, Attribute]): Fields {
  if (typeof value === 'number') return message(5, [text(1, name), int(3, value), int(20, 2)]);
  const values = value.map((each) => int(8, each));
  return message(5, [text(1, name), ...values, int(20, 7)]);
}

export type Graph = ReturnType<typeof makeGraph>;

/** Starts a graph; nothing in it takes a name that is `reserved`. Each node and constant is known by the name of its value. */
export function makeGraph(reserved: readonly string[]) {
  const parts: Fields[] = [];
  const taken = new Set(reserved);
  const unique = (wanted: string): string => {
    let name = wanted || 'value';
    while (taken.has(name)) name = `${name}_${parts.length}`;
    taken.add(name);
    return name;
  };
  const tensor = (wanted: string, type: number, shape: Shape, bytes: Uint8Array): string => {
    const name = unique(wanted);
    const sizes = shape.map((size) => int(1, size));
    const raw = message(9, [[bytes]]);
    parts.push(message(5, [...sizes, int(2, type), text(8, name), raw]));
    return name;
  };
  /** Adds a constant. */
  const value = (dtype: DType, given: Omit<TensorData, 'dtype'>, name = 'value'): string => {
    const { bytes } = stored({ shape: given.shape, dtype, data: given.data });
    return tensor(name, types[dtype], given.shape, bytes);
  };
  return {
    parts,
    value,
    /** Adds a node of an operator, with one output. */
    node(
      type: string,
      inputs: readonly string[],
      attributes: Attributes = {},
      output = unique(type),
    ): string {
      const operands = inputs.map((name) => text(1, name));
      const settings = Object.entries(attributes).map(attribute);
      const named = [text(2, output), text(3, output), text(4, type)];
      parts.push(message(1, [...operands, ...named, ...settings]));
      return output;
    },
    /** Adds a scalar constant. */
    number(number: number, dtype: DType): string {
      return value(dtype, { shape: [], data: Float64Array.of(number) });
    },
    /** Adds a list of int64. */
    ints(values: readonly number[]): string {
      return tensor('shape', INT64, [values.length], bytesOf(BigInt64Array.from(values, BigInt)));
    },
  };
}
