import { fromFloat16 } from '../onnx/half.ts';
import type { RuntimeTensor } from './runtime.ts';

/** How a float type rounds. */
export interface FloatFormat {
  /** Half the distance from 1 to the next number: the largest relative error of one rounding. */
  readonly unitRoundoff: number;
  /** The smallest normal number: GPUs take what is below for zero. */
  readonly minNormal: number;
  readonly max: number;
}

const FORMATS: Readonly<Record<string, FloatFormat>> = {
  float16: { unitRoundoff: 2 ** -11, minNormal: 2 ** -14, max: 65504 },
  float32: { unitRoundoff: 2 ** -24, minNormal: 2 ** -126, max: (2 - 2 ** -23) * 2 ** 127 },
  float64: { unitRoundoff: 2 ** -53, minNormal: 2 ** -1022, max: Number.MAX_VALUE },
};

/** The format of a float tensor, or nothing for other types. */
export function floatFormat(dataType: string): FloatFormat | undefined {
  return FORMATS[dataType];
}

/** A tensor's numbers as they are where JavaScript can read them so, else in float64; nothing for strings. */
export function toNumbers(tensor: RuntimeTensor): ArrayLike<number> | undefined {
  return tensor.dataType === 'float32' ? tensor.data : toFloat64(tensor);
}

/** A tensor's numbers in float64, or nothing for strings. */
export function toFloat64(tensor: RuntimeTensor): Float64Array | undefined {
  switch (tensor.dataType) {
    case 'string':
      return undefined;
    case 'float64':
      return tensor.data;
    case 'float16':
      return Float64Array.from(tensor.data, fromFloat16);
    case 'int64':
    case 'uint64':
      return Float64Array.from(tensor.data as ArrayLike<bigint>, Number);
    default:
      return new Float64Array(tensor.data);
  }
}
