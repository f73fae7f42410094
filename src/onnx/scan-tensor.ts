import { concatBytes } from '../wire/bytes.ts';
import { childPath, type FieldPath } from '../wire/field-path.ts';
import { type Field, need, type Reading, type SlidingWindow, WireType } from '../wire/window.ts';
import type {
  ByteRange,
  FieldSpan,
  TensorData,
  TensorDataField,
  TensorDataPart,
  TensorProto,
} from './model-file.ts';
import { onnx } from './proto.ts';
import { checkMessage, knownField, readBytes, readName, readWhole } from './scan-message.ts';
import type { FieldSchema } from './schema.ts';
import { packNumbers } from './tensor-data.ts';

/** Tensors up to this many bytes are read with the graph: shapes, axes, bounds of a Clip. */
const INLINE_LIMIT = 1024;

const DATA_FIELDS: ReadonlyMap<number, TensorDataField> = new Map([
  [4, 'floatData'],
  [5, 'int32Data'],
  [6, 'stringData'],
  [7, 'int64Data'],
  [9, 'rawData'],
  [10, 'doubleData'],
  [11, 'uint64Data'],
]);

/** Scans a TensorProto, passing over its numbers; the places of these are added to `payloads`. */
export function* scanTensor(
  window: SlidingWindow,
  spans: readonly FieldSpan[],
  path: FieldPath,
  payloads: ByteRange[],
): Reading<TensorProto> {
  const [first] = spans as readonly [FieldSpan];
  const parts = new Map<TensorDataField, TensorDataPart[]>();
  const external: { key: string; value: string }[] = [];
  const dims: number[] = [];
  let name = '';
  let dataType = 0;
  let dataLocation = 0;
  for (const span of spans) {
    let field: Field;
    for (let at = span.contentStart; at < span.end; at = field.end) {
      const request = window.header(at, span.end);
      if (request !== undefined) yield request;
      field = window.field(at, span.end, path);
      const known = knownField('TensorProto', field, path);
      const dataField = DATA_FIELDS.get(field.number);
      if (dataField !== undefined) {
        addPart(parts, dataField, field);
        payloads.push({ offset: field.contentStart, length: field.end - field.contentStart });
      } else if (known?.name === 'dims') yield* readDims(window, known, field, path, dims);
      else if (known?.name === 'name') name = yield* readName(window, field, path);
      else if (known?.name === 'dataType') dataType = Number(window.int64(field));
      else if (known?.name === 'dataLocation') dataLocation = Number(window.int64(field));
      else if (known?.name === 'externalData') {
        const entryPath = childPath(path, known.name, at);
        yield* checkMessage(window, 'StringStringEntryProto', field, entryPath);
        const entry = onnx.StringStringEntryProto.decode(yield* readBytes(window, field, entryPath));
        external.push({ key: entry.key, value: entry.value });
      }
    }
  }
  const data =
    dataLocation === onnx.TensorProto.DataLocation.EXTERNAL
      ? externalData(external)
      : yield* fileData(window, parts);
  return { span: first, name, dims, dataType, data };
}

function* readDims(
  window: SlidingWindow,
  known: FieldSchema,
  field: Field,
  path: FieldPath,
  dims: number[],
): Reading<void> {
  const bytes = yield* readWhole(window, known, field, path);
  // A TensorProto with nothing but these bytes: the decoder then reads the list, packed or not.
  for (const dim of onnx.TensorProto.decode(bytes.slice()).dims) dims.push(Number(dim));
}

function addPart(
  parts: Map<TensorDataField, TensorDataPart[]>,
  dataField: TensorDataField,
  field: Field,
): void {
  // Bytes are a single field: the last one counts (protobuf encoding, "Last One Wins").
  const list = dataField === 'rawData' ? [] : (parts.get(dataField) ?? []);
  parts.set(dataField, list);
  const unpacked = field.wireType !== WireType.bytes || dataField === 'stringData';
  const offset = unpacked ? field.start : field.contentStart;
  const previous = list.at(-1);
  if (unpacked && previous?.unpacked === true && previous.offset + previous.length === offset) {
    list[list.length - 1] = { offset: previous.offset, length: field.end - previous.offset, unpacked };
  } else list.push({ offset, length: field.end - offset, unpacked });
}

function* fileData(
  window: SlidingWindow,
  homes: ReadonlyMap<TensorDataField, TensorDataPart[]>,
): Reading<TensorData> {
  const found =
    homes.get('rawData') === undefined ? [...homes][0] : (['rawData', homes.get('rawData') ?? []] as const);
  if (found === undefined) return { location: 'none' };
  const [field, parts] = found;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > INLINE_LIMIT) return { location: 'file', field, parts, inline: undefined };
  const contents: Uint8Array[] = [];
  for (const part of parts) {
    const bytes = yield* need(window, part.offset, part.length);
    contents.push(part.unpacked && field !== 'stringData' ? packNumbers(bytes) : bytes.slice());
  }
  return { location: 'file', field, parts, inline: concatBytes(contents) };
}

function externalData(entries: readonly { key: string; value: string }[]): TensorData {
  const value = (key: string): string | undefined => entries.find((entry) => entry.key === key)?.value;
  const length = value('length');
  return {
    location: 'external',
    path: value('location') ?? '',
    offset: Number(value('offset') ?? 0),
    length: length === undefined ? undefined : Number(length),
  };
}
