import type { FieldPath } from '../wire/field-path.ts';
import type { Field, Reading, SlidingWindow } from '../wire/window.ts';
import { DataType } from './data-type.ts';
import type { Dim, TypeProto } from './model-file.ts';
import { knownField, readText } from './scan-message.ts';
import type { FieldSchema, MessageName } from './schema.ts';

/** The kinds of a type by the fields that say so, of which the last one counts. */
const KINDS: ReadonlyMap<string, TypeProto['kind']> = new Map([
  ['tensorType', 'tensor'],
  ['sparseTensorType', 'sparseTensor'],
  ['sequenceType', 'sequence'],
  ['mapType', 'map'],
  ['optionalType', 'optional'],
  ['opaqueType', 'opaque'],
]);

/**
 * Reads a TypeProto whose bytes have been checked, all its occurrences as one.
 *
 * Not through onnx-proto: it takes the last of two occurrences where protobuf merges them, and makes two symbols one
 * that differ in bytes that are not UTF-8.
 */
export function* scanTypeProto(
  window: SlidingWindow,
  types: readonly Field[],
  path: FieldPath,
): Reading<TypeProto> {
  let kind: TypeProto['kind'] = 'none';
  let tensors: Field[] = [];
  for (const [field, known] of yield* fieldsOf(window, 'TypeProto', types, path)) {
    const said = KINDS.get(known.name);
    if (said === undefined) continue;
    if (said !== kind) tensors = [];
    kind = said;
    tensors.push(field);
  }
  if (kind !== 'tensor' && kind !== 'sparseTensor')
    return { kind, elemType: DataType.UNDEFINED, shape: undefined };
  let elemType: number = DataType.UNDEFINED;
  const shapes: Field[] = [];
  for (const [field, known] of yield* fieldsOf(window, 'TensorTypeProto', tensors, path)) {
    if (known.name === 'shape') shapes.push(field);
    else elemType = Number(yield* readInt(window, field));
  }
  if (shapes.length === 0) return { kind, elemType, shape: undefined };
  const shape: Dim[] = [];
  for (const [dim] of yield* fieldsOf(window, 'TensorShapeProto', shapes, path))
    shape.push(yield* readDim(window, dim, path));
  return { kind, elemType, shape };
}

function* readDim(window: SlidingWindow, dim: Field, path: FieldPath): Reading<Dim> {
  let value: Dim;
  for (const [field, known] of yield* fieldsOf(window, 'DimensionProto', [dim], path)) {
    if (known.name === 'dimValue') {
      const size = Number(yield* readInt(window, field));
      // Exporters write 0 and -1 where they mean "unknown".
      value = size > 0 ? size : undefined;
    } else if (known.name === 'dimParam') {
      const symbol = yield* readText(window, field, path);
      value = symbol === '' ? undefined : symbol;
    }
  }
  return value;
}

/** The known fields of all occurrences of a message, in order. */
function* fieldsOf(
  window: SlidingWindow,
  message: MessageName,
  spans: readonly Field[],
  path: FieldPath,
): Reading<[field: Field, known: FieldSchema][]> {
  const fields: [Field, FieldSchema][] = [];
  for (const span of spans) {
    let field: Field;
    for (let at = span.contentStart; at < span.end; at = field.end) {
      const request = window.header(at, span.end);
      if (request !== undefined) yield request;
      field = window.field(at, span.end, path);
      const known = knownField(message, field, path);
      if (known !== undefined) fields.push([field, known]);
    }
  }
  return fields;
}

function* readInt(window: SlidingWindow, field: Field): Reading<bigint> {
  const length = field.end - field.contentStart;
  if (!window.has(field.contentStart, length)) yield { offset: field.contentStart, length };
  return window.int64(field);
}
