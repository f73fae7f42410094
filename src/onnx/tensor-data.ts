import protobuf from 'protobufjs/minimal.js';
import { SeInjectError } from '../errors.ts';
import { concatBytes } from '../wire/bytes.ts';
import { DataType, type DataTypeNumber, dataTypeBits, dataTypeName } from './data-type.ts';
import { fromBfloat16, fromFloat16 } from './half.ts';
import type { TensorDataField, TensorProto } from './model-file.ts';

/** Turns a run of single numbers, each behind its own tag, into the packed form. */
export function packNumbers(fields: Uint8Array): Uint8Array {
  const reader = protobuf.Reader.create(fields);
  const numbers: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const wireType = reader.uint32() & 7;
    const start = reader.pos;
    reader.skipType(wireType);
    numbers.push(fields.subarray(start, reader.pos));
  }
  return concatBytes(numbers);
}

/** Types whose elements are no plain numbers: the small floats are codes that mean something only with a scale. */
const CODED: ReadonlySet<DataTypeNumber> = new Set([
  DataType.COMPLEX64,
  DataType.COMPLEX128,
  DataType.FLOAT8E4M3FN,
  DataType.FLOAT8E4M3FNUZ,
  DataType.FLOAT8E5M2,
  DataType.FLOAT8E5M2FNUZ,
  DataType.FLOAT8E8M0,
  DataType.FLOAT4E2M1,
]);

/** Number of elements of a shape; the empty shape is a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/**
 * Decodes a tensor that was small enough to be read with the graph, or gives nothing: a larger one, an external one,
 * or one of strings or of a type without plain numbers.
 */
export function inlineNumbers(tensor: TensorProto): Float64Array | undefined {
  const { data } = tensor;
  if (elementCount(tensor.dims) === 0) return new Float64Array(0);
  if (data.location !== 'file' || data.inline === undefined) return undefined;
  return decodeNumbers(data.field, data.inline, tensor.dataType, elementCount(tensor.dims), tensor.name);
}

/**
 * Decodes the content of a tensor's data field to float64. 64-bit integers beyond 2^53 lose their last digits.
 *
 * Gives nothing for strings, complex numbers, the floats of 8 and 4 bits and types it has not heard of; throws `onnx/tensor-data-size` where the
 * bytes are fewer or more than the shape says.
 */
export function decodeNumbers(
  field: TensorDataField,
  content: Uint8Array,
  dataType: DataTypeNumber,
  count: number,
  name = '',
): Float64Array | undefined {
  if (dataType === DataType.STRING || field === 'stringData' || dataTypeBits(dataType) === undefined)
    return undefined;
  if (CODED.has(dataType)) return undefined;
  const numbers =
    field === 'rawData' ? fromRaw(content, dataType, count) : fromTyped(field, content, dataType, count);
  if (numbers !== undefined) return numbers;
  throw new SeInjectError(
    'onnx/tensor-data-size',
    sizeFault(name, `${content.length} bytes of ${field}`, count, dataType),
    { details: { tensor: name, bytes: content.length, elements: count, dataType } },
  );
}

/** Says that what was found of a tensor is not what so many elements need. */
export function sizeFault(name: string, found: string, count: number, dataType: DataTypeNumber): string {
  return `tensor "${name}" has ${found} for ${count} elements of ${dataTypeName(dataType)}: the file is damaged`;
}

function fromRaw(content: Uint8Array, dataType: DataTypeNumber, count: number): Float64Array | undefined {
  const bits = dataTypeBits(dataType) ?? 0;
  if (content.length !== Math.ceil((count * bits) / 8)) return undefined;
  // Weights are mostly these, and there are millions; a copy, since the content may begin at any byte.
  if (dataType === DataType.FLOAT) return new Float64Array(new Float32Array(Uint8Array.from(content).buffer));
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const numbers = new Float64Array(count);
  for (let index = 0; index < count; index += 1) numbers[index] = element(view, dataType, bits, index);
  return numbers;
}

function element(view: DataView, dataType: DataTypeNumber, bits: number, index: number): number {
  const at = (index * bits) >> 3;
  switch (dataType) {
    case DataType.FLOAT:
      return view.getFloat32(at, true);
    case DataType.DOUBLE:
      return view.getFloat64(at, true);
    case DataType.FLOAT16:
      return fromFloat16(view.getUint16(at, true));
    case DataType.BFLOAT16:
      return fromBfloat16(view.getUint16(at, true));
    case DataType.INT64:
      return Number(view.getBigInt64(at, true));
    case DataType.UINT64:
      return Number(view.getBigUint64(at, true));
    case DataType.INT32:
      return view.getInt32(at, true);
    case DataType.UINT32:
      return view.getUint32(at, true);
    case DataType.INT16:
      return view.getInt16(at, true);
    case DataType.UINT16:
      return view.getUint16(at, true);
    case DataType.INT8:
      return view.getInt8(at);
    case DataType.INT4:
    case DataType.INT2: {
      const value = subByte(view, bits, index);
      return value >= 1 << (bits - 1) ? value - (1 << bits) : value;
    }
    case DataType.UINT4:
    case DataType.UINT2:
      return subByte(view, bits, index);
    default:
      // UINT8 and BOOL.
      return view.getUint8(at);
  }
}

/** Elements of under 8 bits are packed from the low end (onnx.proto, `int32_data`). */
function subByte(view: DataView, bits: number, index: number): number {
  const position = index * bits;
  return (view.getUint8(position >> 3) >> (position & 7)) & ((1 << bits) - 1);
}

function fromTyped(
  field: TensorDataField,
  content: Uint8Array,
  dataType: DataTypeNumber,
  count: number,
): Float64Array | undefined {
  const numbers = readPacked(field, content);
  if (numbers === undefined) return undefined;
  if (field === 'int32Data') {
    // Narrow types ride in int32_data: halves by their bits, elements of under 8 bits packed into bytes.
    const bits = dataTypeBits(dataType) ?? 0;
    if (bits < 8) return fromRaw(Uint8Array.from(numbers), dataType, count);
    if (dataType === DataType.FLOAT16) return exactly(numbers.map(fromFloat16), count);
    if (dataType === DataType.BFLOAT16) return exactly(numbers.map(fromBfloat16), count);
  }
  return exactly(numbers, count);
}

/** The numbers of a packed list, or nothing where it ends within one. */
function readPacked(field: TensorDataField, content: Uint8Array): number[] | undefined {
  const reader = protobuf.Reader.create(content);
  const numbers: number[] = [];
  try {
    while (reader.pos < reader.len) {
      if (field === 'floatData') numbers.push(reader.float());
      else if (field === 'doubleData') numbers.push(reader.double());
      else if (field === 'uint64Data') numbers.push(Number(reader.uint64()));
      else if (field === 'int64Data') numbers.push(Number(reader.int64()));
      else numbers.push(reader.int32());
    }
  } catch {
    return undefined;
  }
  return numbers;
}

function exactly(numbers: readonly number[], count: number): Float64Array | undefined {
  return numbers.length === count ? Float64Array.from(numbers) : undefined;
}
