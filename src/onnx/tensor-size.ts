import { DataType, dataTypeBits } from './data-type.ts';
import { formatName } from './format-name.ts';
import type { TensorDataField, TensorDataPart, TensorProto } from './model-file.ts';
import { elementCount, sizeFault } from './tensor-data.ts';

/** Bytes that one number takes in a packed list, at least and at most (protobuf encoding, "Base 128 Varints"). */
const NUMBER_BYTES: Readonly<Record<Exclude<TensorDataField, 'rawData'>, readonly [number, number]>> = {
  floatData: [4, 4],
  doubleData: [8, 8],
  int32Data: [1, 10],
  int64Data: [1, 10],
  uint64Data: [1, 10],
  // A string has no end to its length; where it is empty its tag and its length are all there is.
  stringData: [1, Number.POSITIVE_INFINITY],
};

/**
 * Says what is wrong with the size of a tensor's data, told without reading it: a dimension below zero, or fewer or more
 * bytes than its shape and type need. Runtimes refuse such a tensor, and its shape cannot be trusted.
 *
 * Nothing where the size is right, where there is no data, and for types that have not been heard of.
 */
export function tensorSizeFault({ name, dims, dataType, data }: TensorProto): string | undefined {
  if (dims.some((dim) => dim < 0))
    return `tensor "${formatName(name)}" has the shape ${dims.join('x')}: the file is damaged, export the model again`;
  const count = elementCount(dims);
  const bits = dataTypeBits(dataType);
  if (data.location === 'none' || (bits === undefined && dataType !== DataType.STRING)) return undefined;
  const rawBytes = Math.ceil((count * (bits ?? 0)) / 8);
  const fault = (found: string): string =>
    `${sizeFault(formatName(name), found, count, dataType)}, export the model again`;
  if (data.location === 'external') {
    return data.length === undefined || data.length === rawBytes
      ? undefined
      : fault(`${data.length} bytes in "${data.path}"`);
  }
  const bytes = data.parts.reduce((sum, { length }) => sum + length, 0);
  const fits =
    data.field === 'rawData'
      ? bytes === rawBytes
      : fitsList(data.field, data.parts, numbersOf(count, dataType, bits ?? 8));
  return fits ? undefined : fault(`${bytes} bytes of ${data.field}`);
}

/** How many numbers of a typed list hold so many elements (onnx.proto, the comments on the `*_data` fields). */
function numbersOf(count: number, dataType: number, bits: number): number {
  if (dataType === DataType.COMPLEX64 || dataType === DataType.COMPLEX128) return 2 * count;
  return bits < 8 ? Math.ceil((count * bits) / 8) : count;
}

function fitsList(
  field: Exclude<TensorDataField, 'rawData'>,
  parts: readonly TensorDataPart[],
  numbers: number,
): boolean {
  const [least, most] = NUMBER_BYTES[field];
  let fewest = 0;
  let largest = 0;
  for (const { length, unpacked } of parts) {
    // Each number of a run that is not packed has a tag, of one byte for these fields.
    const tag = unpacked ? 1 : 0;
    fewest += Math.ceil(length / (most + tag));
    largest += Math.floor(length / (least + tag));
  }
  return fewest <= numbers && numbers <= largest;
}
