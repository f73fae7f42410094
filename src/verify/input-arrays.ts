import { SeInjectError } from '../errors.ts';
import { formatName } from '../onnx/format-name.ts';
import { fromFloat16, toFloat16 } from '../onnx/half.ts';
import type { NpyArray } from '../onnx/npy.ts';
import {
  checkFeeds,
  type RuntimeDataType,
  type RuntimeTensor,
  type RuntimeTensors,
  type RuntimeValue,
} from './runtime.ts';

/** An array of the user's: one read from an .npy or .npz file, or any tensor. */
export type GivenArray = NpyArray | RuntimeTensor;

/** The names that arrays have whose maker gave none: that of a lone .npy file, and NumPy's. */
const UNNAMED = /^(?:arr_(\d+))?$/;

/**
 * Feeds a model with the user's own arrays.
 *
 * They are matched by name; arrays without one (a lone .npy file, NumPy's `arr_0`, `arr_1` and so on) in the order of the
 * inputs. An element type is converted where every element stays the same number.
 *
 * @throws SeInjectError `verify/invalid-input`, with what the input wants.
 *
 * @example
 * ```ts
 * const inputs: RuntimeValue[] = [{ name: 'x', dataType: 'float32', shape: [2] }];
 * const arrays = new Map([['x', { dataType: 'float64' as const, dims: [2], data: Float64Array.of(1, 0.5) }]]);
 * feedsFromArrays(inputs, arrays).get('x')?.data; // → Float32Array [1, 0.5]
 * ```
 */
export function feedsFromArrays(
  inputs: readonly RuntimeValue[],
  arrays: ReadonlyMap<string, GivenArray>,
): RuntimeTensors {
  const feeds = new Map<string, RuntimeTensor>();
  for (const [name, array] of nameArrays(inputs, arrays)) {
    const dataType = inputs.find((input) => input.name === name)?.dataType;
    feeds.set(name, dataType === undefined ? array : convert(name, array, dataType));
  }
  checkFeeds(inputs, feeds);
  return feeds;
}

function nameArrays(
  inputs: readonly RuntimeValue[],
  arrays: ReadonlyMap<string, GivenArray>,
): readonly (readonly [string, GivenArray])[] {
  const names = [...arrays.keys()];
  const isInput = (name: string): boolean => inputs.some((input) => input.name === name);
  if (!names.every((name) => UNNAMED.test(name)) || names.some(isInput)) return [...arrays];
  if (arrays.size > inputs.length) {
    const message = `${arrays.size} arrays without names are given, and the model has ${inputs.length} inputs: leave the others out`;
    throw new SeInjectError('verify/invalid-input', message);
  }
  const order = (name: string): number => Number(UNNAMED.exec(name)?.[1] ?? 0);
  return [...arrays]
    .sort(([a], [b]) => order(a) - order(b))
    .map(([, array], at) => [inputs[at]?.name ?? '', array]);
}

function convert(name: string, array: GivenArray, dataType: RuntimeDataType): RuntimeTensor {
  const { dims } = array;
  if (array.dataType === dataType) return array;
  // What is of another kind altogether is refused with all else that does not fit.
  if (array.dataType === 'string' || dataType === 'string') return array;
  const { data } = array;
  const isHalf = array.dataType === 'float16';
  const { target, put } = writer(dataType, data.length);
  for (let i = 0; i < data.length; i += 1) {
    const element = data[i] ?? 0;
    const value = isHalf ? fromFloat16(Number(element)) : element;
    if (put(i, value)) continue;
    const message =
      `input "${formatName(name)}" is given as ${array.dataType} with values that ${dataType} does not have ` +
      `(${value} at ${i}): convert it yourself, with astype(np.${dataType === 'bool' ? 'bool_' : dataType}) in NumPy`;
    throw new SeInjectError('verify/invalid-input', message, { details: { name, index: i } });
  }
  return { dataType, dims, data: target } as RuntimeTensor;
}

/** Writes an element; false where it would become another number. */
type Put = (index: number, value: number | bigint) => boolean;

const NUMBERS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
} as const;

function writer(
  dataType: Exclude<RuntimeDataType, 'string'>,
  length: number,
): { readonly target: RuntimeTensor['data']; readonly put: Put } {
  switch (dataType) {
    case 'int64':
      return wideWriter(new BigInt64Array(length));
    case 'uint64':
      return wideWriter(new BigUint64Array(length));
    case 'float16': {
      const target = new Uint16Array(length);
      const put: Put = (index, value) => {
        const bits = toFloat16(Number(value));
        target[index] = bits;
        return isSame(fromFloat16(bits), value);
      };
      return { target, put };
    }
    case 'bool': {
      const target = new Uint8Array(length);
      const put: Put = (index, value) => {
        target[index] = Number(value);
        return isSame(0, value) || isSame(1, value);
      };
      return { target, put };
    }
    default: {
      const target = new NUMBERS[dataType](length);
      const put: Put = (index, value) => {
        target[index] = Number(value);
        return isSame(target[index] ?? 0, value);
      };
      return { target, put };
    }
  }
}

function wideWriter(target: BigInt64Array | BigUint64Array): {
  readonly target: BigInt64Array | BigUint64Array;
  readonly put: Put;
} {
  const put: Put = (index, value) => {
    if (typeof value === 'number' && !Number.isInteger(value)) return false;
    target[index] = BigInt(value);
    return target[index] === BigInt(value);
  };
  return { target, put };
}

/** Whether a number is the value that it was made from; NaN is NaN. */
function isSame(written: number, value: number | bigint): boolean {
  if (typeof value === 'bigint') return Number.isInteger(written) && BigInt(written) === value;
  return written === value || (Number.isNaN(written) && Number.isNaN(value));
}
