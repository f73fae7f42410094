import { SeInjectError } from '../errors.ts';
import { childPath, type FieldPath, formatPath } from '../wire/field-path.ts';
import type { Enclosure } from '../wire/patch.ts';
import { decodeUtf8 } from '../wire/utf8.ts';
import { type Field, need, type Reading, type SlidingWindow, WireType } from '../wire/window.ts';
import type { FieldSpan } from './model-file.ts';
import { type FieldSchema, MESSAGES, type MessageName } from './schema.ts';

/** A name, type or small message longer than this is damage or malice, not a model. */
const TEXT_LIMIT = 16 * 1024 * 1024;

/** The field as a span that edits can refer to. */
export function toSpan(field: Field, parent: Enclosure | undefined): FieldSpan {
  const { start, lengthStart, contentStart, end } = field;
  return { parent, start, lengthStart, contentStart, end };
}

/**
 * Looks a field up in its message and checks the form it is written in; unknown fields give nothing.
 *
 * Throws `wire/unexpected-wire-type` for a known field in a form that ONNX does not give it: readers disagree on such
 * bytes, so no edit of them could be trusted.
 */
export function knownField(message: MessageName, field: Field, path: FieldPath): FieldSchema | undefined {
  const known = MESSAGES[message][field.number];
  if (known === undefined || fits(known, field.wireType)) return known;
  throw new SeInjectError(
    'wire/unexpected-wire-type',
    `wire type ${field.wireType} for field "${known.name}" at byte ${field.start}, in ${formatPath(path)}: the file is damaged or no ONNX model`,
    {
      details: { offset: field.start, field: `${formatPath(path)}.${known.name}`, wireType: field.wireType },
    },
  );
}

/** Reads a string field. */
export function* readText(window: SlidingWindow, field: Field, path: FieldPath): Reading<string> {
  return decodeUtf8(yield* readBytes(window, field, path));
}

/** Reads a string field whose text others have too: the name of a value, an operator or an attribute is one string. */
export function* readName(window: SlidingWindow, field: Field, path: FieldPath): Reading<string> {
  const name = decodeUtf8(yield* readBytes(window, field, path));
  const known = window.names.get(name);
  if (known !== undefined) return known;
  window.names.set(name, name);
  return name;
}

/** Reads the content of a field that is no tensor data; throws `wire/too-large` beyond 16 MiB. */
export function* readBytes(window: SlidingWindow, field: Field, path: FieldPath): Reading<Uint8Array> {
  const length = field.end - field.contentStart;
  if (length > TEXT_LIMIT) {
    throw new SeInjectError(
      'wire/too-large',
      `${length} bytes at byte ${field.contentStart}, in ${formatPath(path)}, where ${TEXT_LIMIT} are the most that is read: the file is damaged`,
      { details: { offset: field.contentStart, field: formatPath(path), length } },
    );
  }
  return yield* need(window, field.contentStart, length);
}

/**
 * Reads a field with its tag. A packed list of numbers is checked to end where a number ends: decoders that trust their
 * input would read on in what comes behind.
 */
export function* readWhole(
  window: SlidingWindow,
  known: FieldSchema,
  field: Field,
  path: FieldPath,
): Reading<Uint8Array> {
  const bytes = yield* readBytes(window, { ...field, contentStart: field.start }, path);
  if (field.wireType !== WireType.bytes || known.form === 'bytes') return bytes;
  const packed = bytes.subarray(field.contentStart - field.start);
  if (isSoundList(known, packed)) return bytes;
  throw new SeInjectError(
    'wire/truncated',
    `list "${known.name}" that ends within a number at byte ${field.start}, in ${formatPath(path)}: the file is damaged or no ONNX model`,
    { details: { offset: field.start, field: `${formatPath(path)}.${known.name}` } },
  );
}

function isSoundList({ form }: FieldSchema, packed: Uint8Array): boolean {
  if (form === 'fixed32s') return packed.length % 4 === 0;
  if (form === 'fixed64s') return packed.length % 8 === 0;
  let run = 0;
  for (const byte of packed) {
    run = byte < 0x80 ? 0 : run + 1;
    if (run === 10) return false;
  }
  return run === 0;
}

/**
 * Walks a message that the scan does not look into (a type, a sharding, a quantization annotation) and checks that it
 * is sound all the way down, so that no decoder that trusts its input meets damage or bottomless nesting.
 */
export function* checkMessage(
  window: SlidingWindow,
  message: MessageName,
  span: { readonly contentStart: number; readonly end: number },
  path: FieldPath,
): Reading<void> {
  let field: Field;
  for (let at = span.contentStart; at < span.end; at = field.end) {
    const request = window.header(at, span.end);
    if (request !== undefined) yield request;
    field = window.field(at, span.end, path);
    const known = knownField(message, field, path);
    if (known !== undefined && isMessage(known.form)) {
      yield* checkMessage(window, known.form, field, childPath(path, known.name, at));
    }
  }
}

function isMessage(form: FieldSchema['form']): form is MessageName {
  return form in MESSAGES;
}

function fits(known: FieldSchema, wireType: number): boolean {
  switch (known.form) {
    case 'varint':
      return wireType === WireType.varint;
    case 'fixed32':
      return wireType === WireType.fixed32;
    case 'fixed64':
      return wireType === WireType.fixed64;
    case 'varints':
      return wireType === WireType.varint || wireType === WireType.bytes;
    case 'fixed32s':
      return wireType === WireType.fixed32 || wireType === WireType.bytes;
    case 'fixed64s':
      return wireType === WireType.fixed64 || wireType === WireType.bytes;
    default:
      return wireType === WireType.bytes;
  }
}
