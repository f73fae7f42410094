import { SeInjectError } from '../errors.ts';
import { formatName } from './format-name.ts';
import { invalidArray, parseNpyHeader, writeNpyHeader } from './npy-header.ts';

export { isNpy } from './npy-header.ts';

/** The array that carries each element type. Float16 is its raw bits; bool is 0 or 1 in bytes. */
interface NpyArrays {
  readonly float16: Uint16Array;
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int8: Int8Array;
  readonly int16: Int16Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly uint8: Uint8Array;
  readonly uint16: Uint16Array;
  readonly uint32: Uint32Array;
  readonly uint64: BigUint64Array;
  readonly bool: Uint8Array;
}

/** An array of NumPy's. It is a tensor that a model can be fed with as it is. */
export type NpyArray = {
  readonly [T in keyof NpyArrays]: {
    /** Element type, by onnxruntime's name. */
    readonly dataType: T;
    /** Sizes, outermost first; empty for a scalar. */
    readonly dims: readonly number[];
    /** The elements in row-major order. */
    readonly data: NpyArrays[T];
  };
}[keyof NpyArrays];

/** NumPy's letter and size of each element type. */
const DESCRS: Readonly<Record<keyof NpyArrays, string>> = {
  float16: 'f2',
  float32: 'f4',
  float64: 'f8',
  int8: 'i1',
  int16: 'i2',
  int32: 'i4',
  int64: 'i8',
  uint8: 'u1',
  uint16: 'u2',
  uint32: 'u4',
  uint64: 'u8',
  bool: 'b1',
};

const DATA_TYPES: ReadonlyMap<string, keyof NpyArrays> = new Map(
  (Object.keys(DESCRS) as (keyof NpyArrays)[]).map((dataType) => [DESCRS[dataType], dataType]),
);

const HOST_ORDER = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? '<' : '>';

/**
 * Reads an .npy file, of either byte order and either order of indices.
 *
 * @throws SeInjectError `onnx/invalid-array` where the file is damaged, `onnx/unsupported-data-type` where its elements are
 * no numbers and no bools.
 *
 * @example
 * ```ts
 * parseNpy(bytes); // → { dataType: 'float32', dims: [1, 3], data: Float32Array [1, 2, 3] }
 * ```
 */
export function parseNpy(bytes: Uint8Array): NpyArray {
  const { descr, fortranOrder, dims, dataOffset } = parseNpyHeader(bytes);
  const dataType = DATA_TYPES.get(descr.slice(1));
  const order = descr[0] ?? '';
  if (dataType === undefined || !'<>|='.includes(order)) {
    throw new SeInjectError(
      'onnx/unsupported-data-type',
      `the array has elements of NumPy's type "${formatName(descr)}": save numbers or bools, for example astype(np.float32)`,
      { details: { descr } },
    );
  }
  const width = Number(descr[2]);
  const size = dims.reduce((product, dim) => product * dim, 1);
  const length = size * width;
  if (bytes.length - dataOffset !== length) {
    throw invalidArray(
      `of shape (${dims.join(', ')}) and type ${descr} takes ${length} bytes and has ${bytes.length - dataOffset}`,
    );
  }
  // A copy: typed arrays begin at multiples of their width, and the caller's bytes are not to change.
  let content = bytes.slice(dataOffset);
  if (width > 1 && (order === '<' || order === '>') && order !== HOST_ORDER) swapBytes(content, width);
  if (fortranOrder && dims.length > 1) content = toRowMajor(content, dims, width);
  return arrayOf(dataType, dims, content);
}

/**
 * Writes an .npy file, version 1.0, little-endian, that NumPy reads.
 *
 * @example
 * ```ts
 * await writeFile('x.npy', writeNpy({ dataType: 'float32', dims: [2], data: Float32Array.of(1, 2) }));
 * ```
 */
export function writeNpy(array: NpyArray): Uint8Array<ArrayBuffer> {
  const { data, dims, dataType } = array;
  const width = data.BYTES_PER_ELEMENT;
  const header = writeNpyHeader(`${width === 1 ? '|' : '<'}${DESCRS[dataType]}`, dims);
  const bytes = new Uint8Array(header.length + data.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  if (width > 1 && HOST_ORDER === '>') swapBytes(bytes.subarray(header.length), width);
  return bytes;
}

function arrayOf(dataType: keyof NpyArrays, dims: readonly number[], bytes: Uint8Array): NpyArray {
  const buffer = bytes.buffer;
  switch (dataType) {
    case 'float16':
      return { dataType, dims, data: new Uint16Array(buffer) };
    case 'float32':
      return { dataType, dims, data: new Float32Array(buffer) };
    case 'float64':
      return { dataType, dims, data: new Float64Array(buffer) };
    case 'int8':
      return { dataType, dims, data: new Int8Array(buffer) };
    case 'int16':
      return { dataType, dims, data: new Int16Array(buffer) };
    case 'int32':
      return { dataType, dims, data: new Int32Array(buffer) };
    case 'int64':
      return { dataType, dims, data: new BigInt64Array(buffer) };
    case 'uint8':
      return { dataType, dims, data: bytes };
    case 'uint16':
      return { dataType, dims, data: new Uint16Array(buffer) };
    case 'uint32':
      return { dataType, dims, data: new Uint32Array(buffer) };
    case 'uint64':
      return { dataType, dims, data: new BigUint64Array(buffer) };
    case 'bool':
      return { dataType, dims, data: bytes.map((byte) => (byte === 0 ? 0 : 1)) };
  }
}

/** Turns the bytes of each element around. */
function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/** Moves elements from column-major order, where the first index runs fastest, to row-major. */
function toRowMajor(bytes: Uint8Array, dims: readonly number[], width: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(bytes.length);
  const index = dims.map(() => 0);
  const steps = dims.map((_, axis) => dims.slice(0, axis).reduce((product, dim) => product * dim, 1));
  let from = 0;
  for (let to = 0; to < bytes.length; to += width) {
    for (let i = 0; i < width; i += 1) result[to + i] = bytes[from * width + i]!;
    // The last index runs fastest; one that comes to its end carries into the one before.
    for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
      const [position = 0, step = 0, dim = 0] = [index[axis], steps[axis], dims[axis]];
      if (position + 1 < dim) {
        index[axis] = position + 1;
        from += step;
        break;
      }
      index[axis] = 0;
      from -= position * step;
    }
  }
  return result;
}
