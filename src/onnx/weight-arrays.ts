import { DataType, type DataTypeNumber, dataTypeName } from './data-type.ts';
import { fromFloat16 } from './half.ts';
import type { NpyArray } from './npy.ts';
import { isZip, parseNpz } from './npz.ts';
import { parseSafetensors, type SafeTensor } from './safetensors.ts';
import { decodeNumbers } from './tensor-data.ts';

/** An array of trained weights, as a file has it. */
export interface WeightArray {
  /** Name of the element type, for messages. */
  readonly dataType: string;
  /** Sizes, outermost first. */
  readonly dims: readonly number[];
  /** The elements in float64, or nothing where they are no floating-point numbers. */
  numbers(): Float64Array | undefined;
}

/**
 * Reads the arrays of a file of weights, .safetensors or .npz, by their names; which of the two is told by its content.
 *
 * @throws SeInjectError what `parseSafetensors` and `parseNpz` throw.
 *
 * @example
 * ```ts
 * parseWeights(await readFile('trained.safetensors')).get('2_1.fc1.weight')?.numbers();
 * ```
 */
export function parseWeights(bytes: Uint8Array): ReadonlyMap<string, WeightArray> {
  const arrays = isZip(bytes)
    ? [...parseNpz(bytes)].map(([name, array]) => [name, ofNpy(array)] as const)
    : [...parseSafetensors(bytes)].map(([name, tensor]) => [name, ofSafeTensor(name, tensor)] as const);
  return new Map(arrays);
}

const FLOATS: ReadonlySet<DataTypeNumber> = new Set([
  DataType.FLOAT,
  DataType.DOUBLE,
  DataType.FLOAT16,
  DataType.BFLOAT16,
]);

function ofSafeTensor(name: string, { dataType, dims, bytes }: SafeTensor): WeightArray {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return {
    dataType: dataTypeName(dataType),
    dims,
    numbers: () =>
      FLOATS.has(dataType) ? decodeNumbers('rawData', bytes, dataType, count, name) : undefined,
  };
}

function ofNpy(array: NpyArray): WeightArray {
  const { dataType, dims } = array;
  return {
    dataType,
    dims,
    numbers: () => {
      if (array.dataType === 'float16') return Float64Array.from(array.data, fromFloat16);
      if (array.dataType === 'float32' || array.dataType === 'float64') return Float64Array.from(array.data);
      return undefined;
    },
  };
}
