import { SeInjectError } from '../errors.ts';
import { concatBytes } from '../wire/bytes.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { DataType, type DataTypeNumber, dataTypeBits, dataTypeName } from './data-type.ts';
import { formatName } from './format-name.ts';

/** A tensor of a safetensors file. */
export interface SafeTensor {
  readonly dataType: DataTypeNumber;
  /** Sizes, outermost first; empty for a scalar. */
  readonly dims: readonly number[];
  /** The elements in row-major order, little-endian. */
  readonly bytes: Uint8Array;
}

/** The names that the format has for element types. */
const DTYPES: ReadonlyMap<string, DataTypeNumber> = new Map([
  ['F64', DataType.DOUBLE],
  ['F32', DataType.FLOAT],
  ['F16', DataType.FLOAT16],
  ['BF16', DataType.BFLOAT16],
  ['I64', DataType.INT64],
  ['I32', DataType.INT32],
  ['I16', DataType.INT16],
  ['I8', DataType.INT8],
  ['U64', DataType.UINT64],
  ['U32', DataType.UINT32],
  ['U16', DataType.UINT16],
  ['U8', DataType.UINT8],
  ['BOOL', DataType.BOOL],
]);

const NAMES: ReadonlyMap<DataTypeNumber, string> = new Map([...DTYPES].map(([name, type]) => [type, name]));

/** Bytes of the length that a file begins with. */
const PREFIX = 8;

/** Bytes that a header may have: a tensor takes about a hundred. */
const HEADER_LIMIT = 16 * 1024 * 1024;

const MAX_RANK = 16;
const METADATA = '__metadata__';

/**
 * Reads a safetensors file: tensors by name, as views of its bytes. (https://github.com/huggingface/safetensors)
 *
 * @throws SeInjectError `onnx/invalid-array` where the file is not exactly as the format has it: a header that is no
 * JSON or too long, sizes that do not fit, bytes that overlap or that no tensor has; `onnx/unsupported-data-type` for
 * an element type that ONNX weights do not come in.
 *
 * @example
 * ```ts
 * parseSafetensors(bytes).get('2_1.fc1.weight')?.dims; // → [16, 256, 1, 1]
 * ```
 */
export function parseSafetensors(bytes: Uint8Array): ReadonlyMap<string, SafeTensor> {
  if (bytes.length < PREFIX) throw invalidFile(`has ${bytes.length} bytes: copy it again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > HEADER_LIMIT) throw invalidFile(`has a header of ${length} bytes, or is none`);
  const start = PREFIX + Number(length);
  if (start > bytes.length) throw invalidFile('ends within its header: copy it again');
  const header = parseHeader(bytes.subarray(PREFIX, start));
  const tensors = new Map<string, SafeTensor>();
  const ranges: { readonly name: string; readonly from: number; readonly to: number }[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA) continue;
    const { dtype, dims, from, to } = parseEntry(name, entry);
    const dataType = DTYPES.get(dtype);
    if (dataType === undefined) {
      throw new SeInjectError(
        'onnx/unsupported-data-type',
        `tensor "${formatName(name)}" has elements of type "${formatName(dtype)}": save it as F32, F16, BF16 or F64`,
        { details: { name, dtype } },
      );
    }
    const count = dims.reduce((product, dim) => product * dim, 1);
    if ((count * (dataTypeBits(dataType) ?? 0)) / 8 !== to - from)
      throw invalidFile(
        `has ${to - from} bytes for "${formatName(name)}" of shape [${dims}] and type ${dtype}`,
      );
    if (to > bytes.length - start) throw invalidFile(`ends within "${formatName(name)}": copy it again`);
    tensors.set(name, { dataType, dims, bytes: bytes.subarray(start + from, start + to) });
    ranges.push({ name, from, to });
  }
  let end = 0;
  for (const { name, from, to } of ranges.sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end)
      throw invalidFile(`has bytes before "${formatName(name)}" that two tensors have, or none`);
    end = to;
  }
  if (end !== bytes.length - start)
    throw invalidFile(`has ${bytes.length - start - end} bytes that no tensor has`);
  return tensors;
}

/**
 * Writes a safetensors file: wide elements first, so that all are aligned, and else in the order given.
 *
 * Throws `onnx/unsupported-data-type` for an element type that the format does not have.
 *
 * @example
 * ```ts
 * const dims = [1, 2];
 * writeSafetensors(new Map([['w', { dataType: DataType.FLOAT, dims, bytes: new Uint8Array(8) }]]));
 * ```
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafeTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const ordered = [...tensors].toSorted(
    ([, a], [, b]) => (dataTypeBits(b.dataType) ?? 0) - (dataTypeBits(a.dataType) ?? 0),
  );
  let at = 0;
  const entries = ordered.map(([name, { dataType, dims, bytes }]) => {
    const dtype = NAMES.get(dataType);
    if (dtype === undefined) {
      throw new SeInjectError(
        'onnx/unsupported-data-type',
        `tensor "${formatName(name)}" of type ${dataTypeName(dataType)} has no place in a safetensors file`,
        { details: { name, dataType } },
      );
    }
    const from = at;
    at += bytes.length;
    return [name, { dtype, shape: dims, data_offsets: [from, at] }] as const;
  });
  const named = Object.keys(metadata).length === 0 ? entries : [[METADATA, metadata] as const, ...entries];
  const text = encodeUtf8(JSON.stringify(Object.fromEntries(named)));
  const padded = new Uint8Array(Math.ceil(text.length / PREFIX) * PREFIX).fill(0x20);
  padded.set(text);
  const prefix = new Uint8Array(PREFIX);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(padded.length), true);
  return concatBytes([prefix, padded, ...ordered.map(([, { bytes }]) => bytes)]);
}

function parseHeader(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalidFile('has a header that is no JSON, or is no such file', cause);
  }
  if (!isObject(parsed)) throw invalidFile('has a header that is no JSON object');
  return parsed;
}

interface Entry {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly from: number;
  readonly to: number;
}

function parseEntry(name: string, entry: unknown): Entry {
  const wrong = (): SeInjectError => invalidFile(`does not say what "${formatName(name)}" is`);
  if (!isObject(entry)) throw wrong();
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !isCounts(shape) || shape.length > MAX_RANK || !isCounts(offsets))
    throw wrong();
  const [from, to, ...more] = offsets;
  if (from === undefined || to === undefined || more.length > 0 || from > to) throw wrong();
  return { dtype, dims: shape, from, to };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
}

function invalidFile(fact: string, cause?: unknown): SeInjectError {
  return new SeInjectError('onnx/invalid-array', `the safetensors file ${fact}`, { cause });
}
