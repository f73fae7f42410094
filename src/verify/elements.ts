import { fromFloat16 } from '../onnx/half.ts';
import type { RuntimeTensor } from './runtime.ts';

/** Elements that are read at once: three buffers of them fit the cache nearest to the processor. */
export const CHUNK = 2048;

/** Reads `count` elements from `start` on into `target`, in float64; integers beyond 2^53 are rounded. */
export type ElementReader = (start: number, count: number, target: Float64Array) => void;

/** An element as it is shown: a 64-bit integer that is no exact number is its decimal text. */
export type Element = number | string;

/**
 * A reader of a tensor's elements, or nothing for strings.
 *
 * One loop over float64 then serves every element type, without an object per element.
 */
export function elementReader(tensor: RuntimeTensor): ElementReader | undefined {
  switch (tensor.dataType) {
    case 'string':
      return undefined;
    case 'float16':
      return float16Reader(tensor.data);
    case 'int64':
    case 'uint64':
      return wideReader(tensor.data);
    default: {
      const { data } = tensor;
      return (start, count, target) => target.set(data.subarray(start, start + count));
    }
  }
}

/** One element, to be shown. */
export function elementAt(tensor: RuntimeTensor, index: number): Element {
  const value = tensor.data[index] ?? Number.NaN;
  if (tensor.dataType === 'float16') return fromFloat16(Number(value));
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

/** Writes `after - before` of 64-bit integers, rounded once: it is 0 only where they are equal. */
export function wideDifferences(
  before: BigInt64Array | BigUint64Array,
  after: BigInt64Array | BigUint64Array,
): ElementReader {
  const [lowBefore, highBefore] = halves(before);
  const [lowAfter, highAfter] = halves(after);
  return (start, count, target) => {
    for (let i = 0; i < count; i += 1) {
      const at = 2 * (start + i);
      const high = highAfter[at]! - highBefore[at]!;
      target[i] = high * 2 ** 32 + (lowAfter[at]! - lowBefore[at]!);
    }
  };
}

function wideReader(data: BigInt64Array | BigUint64Array): ElementReader {
  const [low, high] = halves(data);
  return (start, count, target) => {
    for (let i = 0; i < count; i += 1) {
      const at = 2 * (start + i);
      target[i] = high[at]! * 2 ** 32 + low[at]!;
    }
  };
}

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** The lower and upper 32 bits of 64-bit integers, at every second place: reading them makes no BigInt. */
function halves(
  data: BigInt64Array | BigUint64Array,
): readonly [low: Uint32Array, high: Int32Array | Uint32Array] {
  const { buffer, byteOffset, length } = data;
  if (length === 0) return [new Uint32Array(0), new Uint32Array(0)];
  const [low, high] = LITTLE_ENDIAN ? [0, 4] : [4, 0];
  const words = 2 * length - 1;
  const upper = byteOffset + high;
  return [
    new Uint32Array(buffer, byteOffset + low, words),
    isSigned(data) ? new Int32Array(buffer, upper, words) : new Uint32Array(buffer, upper, words),
  ];
}

/** By its tag, since `instanceof` would not know an array of another realm. */
function isSigned(data: BigInt64Array | BigUint64Array): data is BigInt64Array {
  return Object.prototype.toString.call(data) === '[object BigInt64Array]';
}

let float16Values: Float64Array | undefined;

function float16Reader(data: Uint16Array): ElementReader {
  float16Values ??= Float64Array.from({ length: 2 ** 16 }, (_, bits) => fromFloat16(bits));
  const values = float16Values;
  return (start, count, target) => {
    for (let i = 0; i < count; i += 1) target[i] = values[data[start + i]!]!;
  };
}
