import { fromFloat16, toFloat16 } from '../onnx/half.ts';
import type { RuntimeDataType, RuntimeTensor } from '../verify/index.ts';
import type { SampleArray } from './sample.ts';

/** An array of plain numbers: what is computed with. */
export type Numbers =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** A tensor of numbers, as a model gives it. */
export type NumberTensor = Exclude<RuntimeTensor, { dataType: 'string' }>;

/** The numbers of an array: the array itself where they are numbers already. Integers beyond 2^53 are rounded. */
export function numbersOf(array: SampleArray | NumberTensor): Numbers {
  switch (array.dataType) {
    case 'float16':
      return Float32Array.from(array.data, fromFloat16);
    case 'int64':
    case 'uint64':
      return Float64Array.from(array.data as BigInt64Array, Number);
    default:
      return array.data;
  }
}

/** Element types that numbers can be written as. */
export type NumberType = Exclude<RuntimeDataType, 'string' | 'bool'>;

/** A tensor of numbers, rounded once to its element type; integers are rounded to the nearest and kept in range. */
export function tensorOf(
  dataType: NumberType,
  dims: readonly number[],
  numbers: Float32Array | Float64Array,
): RuntimeTensor {
  switch (dataType) {
    case 'float32':
      return { dataType, dims, data: numbers instanceof Float32Array ? numbers : Float32Array.from(numbers) };
    case 'float64':
      return { dataType, dims, data: Float64Array.from(numbers) };
    case 'float16':
      return { dataType, dims, data: Uint16Array.from(numbers, toFloat16) };
    case 'int8':
      return { dataType, dims, data: Int8Array.from(numbers, within(-128, 127)) };
    case 'uint8':
      return { dataType, dims, data: Uint8Array.from(numbers, within(0, 255)) };
    case 'int16':
      return { dataType, dims, data: Int16Array.from(numbers, within(-32_768, 32_767)) };
    case 'uint16':
      return { dataType, dims, data: Uint16Array.from(numbers, within(0, 65_535)) };
    case 'int32':
      return { dataType, dims, data: Int32Array.from(numbers, within(-(2 ** 31), 2 ** 31 - 1)) };
    case 'uint32':
      return { dataType, dims, data: Uint32Array.from(numbers, within(0, 2 ** 32 - 1)) };
    case 'int64':
      return { dataType, dims, data: BigInt64Array.from(Array.from(numbers, toBigInt)) };
    case 'uint64':
      return {
        dataType,
        dims,
        data: BigUint64Array.from(Array.from(numbers, (x) => toBigInt(Math.max(0, x)))),
      };
  }
}

function within(low: number, high: number): (value: number) => number {
  return (value) => Math.min(high, Math.max(low, Math.round(value)));
}

function toBigInt(value: number): bigint {
  return BigInt(Number.isFinite(value) ? Math.round(value) : 0);
}
