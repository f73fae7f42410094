import { isSeInjectError } from '../errors.ts';
import { parseNpy } from '../onnx/npy.ts';
import { parseNpyHeader, writeNpyHeader } from '../onnx/npy-header.ts';
import { concatBytes } from '../wire/bytes.ts';
import { invalidData } from './faults.ts';
import { numbersOf } from './numbers.ts';
import type { SampleArray } from './sample.ts';

/** Bytes that can be read from their start, as often as one likes: a file, an entry of a zip, either unpacked. */
export interface ByteStream {
  /** For people. */
  readonly path: string;
  /** Begins to read from the start. */
  open(): AsyncIterable<Uint8Array>;
}

/** An array on disk, read row by row: the first axis counts the rows. */
export interface RowSource {
  readonly path: string;
  readonly count: number;
  /** Sizes of one row; empty where a row is one number. */
  readonly dims: readonly number[];
  readonly dataType: SampleArray['dataType'];
  /** The rows in order. It ends early where the file does. */
  rows(): AsyncGenerator<SampleArray>;
}

/** Bytes of rows that are decoded at once. */
const BLOCK_BYTES = 2 ** 18;

/** Reads the first bytes of a stream; fewer where it ends before. */
export async function readHead(stream: ByteStream, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream.open()) {
    parts.push(chunk);
    size += chunk.length;
    if (size >= length) break;
  }
  return concatBytes(parts).subarray(0, length);
}

/**
 * Opens an .npy array for reading by rows.
 *
 * Throws `evaluate/invalid-data` for an array in column-major order or with no axis, and what reading .npy throws.
 */
export async function npyRows(stream: ByteStream): Promise<RowSource> {
  // Both lengths of the header's own length are there after 12 bytes.
  const start = await readHead(stream, 12);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = start.length < 12 ? 0 : start[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const head = await readHead(stream, 12 + Math.min(length, 65_537));
  const { descr, fortranOrder, dims, dataOffset } = parseNpyHeader(head);
  const [count, ...rest] = dims;
  if (count === undefined)
    throw invalidData(`"${stream.path}" is a single number: give an array of samples`, stream.path);
  if (fortranOrder && dims.length > 1) {
    throw invalidData(
      `"${stream.path}" is in column-major order, which cannot be read sample by sample: save np.ascontiguousarray(x)`,
      stream.path,
    );
  }
  return rowSource(stream, { descr, count, dims: rest, offset: dataOffset });
}

/** Element types of the IDX format by its codes, as NumPy writes them: big-endian. */
const IDX_TYPES: ReadonlyMap<number, string> = new Map([
  [0x08, '|u1'],
  [0x09, '|i1'],
  [0x0b, '>i2'],
  [0x0c, '>i4'],
  [0x0d, '>f4'],
  [0x0e, '>f8'],
]);

/** Tells an IDX file by its first bytes: two of 0, a type, a number of axes. */
export function isIdx(bytes: Uint8Array): boolean {
  const [a, b, type = 0, axes = 0] = bytes;
  return a === 0 && b === 0 && IDX_TYPES.has(type) && axes >= 1 && axes <= 4;
}

/**
 * Opens an IDX array, the format of MNIST, for reading by rows.
 *
 * Throws `evaluate/invalid-data` where it is none.
 */
export async function idxRows(stream: ByteStream): Promise<RowSource> {
  const head = await readHead(stream, 20);
  const axes = head[3] ?? 0;
  const offset = 4 + 4 * axes;
  if (!isIdx(head) || head.length < offset)
    throw invalidData(`"${stream.path}" is no IDX file: it begins with other bytes`, stream.path);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const [count = 0, ...dims] = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  return rowSource(stream, { descr: IDX_TYPES.get(head[2] ?? 0) ?? '', count, dims, offset });
}

interface RowLayout {
  readonly descr: string;
  readonly count: number;
  readonly dims: readonly number[];
  readonly offset: number;
}

function rowSource(stream: ByteStream, { descr, count, dims, offset }: RowLayout): RowSource {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const rowBytes = size * Number(/\d+$/.exec(descr)?.[0] ?? 1);
  if (size === 0 || !Number.isSafeInteger(rowBytes))
    throw invalidData(`"${stream.path}" has rows of ${size} numbers: give an array of samples`, stream.path);
  // An array of one row of zeros tells what the type is called, or that it is none of numbers.
  const { dataType } = decode(new Uint8Array(rowBytes), 1);
  return { path: stream.path, count, dims, dataType, rows };

  async function* rows(): AsyncGenerator<SampleArray> {
    let left = count;
    for await (const block of blocksOf(stream, offset, rowBytes)) {
      const present = Math.min(left, Math.floor(block.length / rowBytes));
      if (present === 0) return;
      const array = decode(block.subarray(0, present * rowBytes), present);
      for (let row = 0; row < present; row += 1)
        yield { ...array, dims, data: array.data.subarray(row * size, (row + 1) * size) } as SampleArray;
      left -= present;
    }
  }

  function decode(bytes: Uint8Array, present: number): SampleArray {
    try {
      return parseNpy(concatBytes([writeNpyHeader(descr, [present, ...dims]), bytes]));
    } catch (error) {
      throw isSeInjectError(error)
        ? invalidData(`"${stream.path}": ${error.message}`, stream.path, error)
        : error;
    }
  }
}

/** Blocks of whole rows, behind what is passed over; what is left at the end is dropped. */
async function* blocksOf(stream: ByteStream, offset: number, rowBytes: number): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let [skip, size] = [offset, 0];
  const wanted = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes)) * rowBytes;
  for await (const chunk of stream.open()) {
    const rest = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - rest.length;
    parts.push(rest);
    size += rest.length;
    if (size < wanted) continue;
    const all = concatBytes(parts);
    const whole = size - (size % rowBytes);
    yield all.subarray(0, whole);
    parts = [all.slice(whole)];
    size -= whole;
  }
  if (size >= rowBytes) yield concatBytes(parts).subarray(0, size - (size % rowBytes));
}

/** The number of a row that is one: a label. */
export function rowNumber(row: SampleArray): number {
  return numbersOf(row)[0] ?? Number.NaN;
}
