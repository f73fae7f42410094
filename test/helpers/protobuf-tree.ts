/**
 * A parser of ONNX files that shares nothing with the sources: it turns bytes into the tree of their fields, each with
 * the bytes it is made of, so that what the sources say of a file can be held against it.
 *
 * It keeps every field, known or not, in the order of the file: the fields of a message joined are its content.
 */

/** A field with the bytes that it is made of. */
export interface ProtoField {
  readonly number: number;
  readonly wireType: number;
  /** Offset of the tag in the file. */
  readonly start: number;
  /** The tag. */
  readonly tag: Uint8Array;
  /** The length prefix; empty where there is none. */
  readonly prefix: Uint8Array;
  /** What comes behind both. */
  readonly content: Uint8Array;
  /** All of the field. */
  readonly raw: Uint8Array;
  /** The kind of message that the content is, where the schema below knows it. */
  readonly message: Message | undefined;
  /** The fields of that message. */
  readonly children: readonly ProtoField[];
}

/** The messages that are looked into. What is not listed is taken as bytes. */
const SCHEMA = {
  model: { 7: 'graph', 8: 'opset', 14: 'entry', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value', 13: 'value', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  function: { 7: 'node', 9: 'opset', 11: 'attribute', 12: 'value' },
  training: { 1: 'graph', 2: 'graph' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
  value: {},
  opset: {},
  entry: {},
} as const satisfies Record<string, Readonly<Record<number, string>>>;

/** A kind of message. */
export type Message = keyof typeof SCHEMA;

/** Parses a file; throws a plain Error for bytes that are no fields. */
export function parseModel(bytes: Uint8Array): readonly ProtoField[] {
  return parseMessage(bytes, 0, bytes.length, 'model');
}

/** The children of a field, or of a model, with a number. */
export function fieldsOf(fields: readonly ProtoField[], number: number): readonly ProtoField[] {
  return fields.filter((field) => field.number === number);
}

/** A field's content as text in which every byte is one character, so that no two contents look alike. */
export function latin1(field: ProtoField | undefined): string {
  return field === undefined ? '' : Buffer.from(field.content).toString('latin1');
}

/** The text of the last field of a number: what a reader of a string field gets. */
export function textOf(fields: readonly ProtoField[], number: number): string {
  return latin1(fieldsOf(fields, number).at(-1));
}

/** The fields of a graph, its pieces joined. */
export function graphOf(model: readonly ProtoField[]): readonly ProtoField[] {
  return fieldsOf(model, 7).flatMap(({ children }) => children);
}

function parseMessage(bytes: Uint8Array, from: number, end: number, message: Message): ProtoField[] {
  const fields: ProtoField[] = [];
  let at = from;
  while (at < end) {
    const field = parseField(bytes, at, end, message);
    fields.push(field);
    at += field.raw.length;
  }
  return fields;
}

function parseField(bytes: Uint8Array, start: number, end: number, within: Message): ProtoField {
  const [tag, tagEnd] = readVarint(bytes, start, end);
  const number = Number(tag >> 3n);
  const wireType = Number(tag & 7n);
  let contentStart = tagEnd;
  let length: number;
  if (wireType === 0) length = readVarint(bytes, tagEnd, end)[1] - tagEnd;
  else if (wireType === 1) length = 8;
  else if (wireType === 5) length = 4;
  else if (wireType === 2) {
    const [value, next] = readVarint(bytes, tagEnd, end);
    contentStart = next;
    length = Number(value);
  } else throw new Error(`wire type ${wireType} at ${start}`);
  const fieldEnd = contentStart + length;
  if (fieldEnd > end) throw new Error(`field ${number} at ${start} leaves its message`);
  const inner: Readonly<Record<number, Message>> = SCHEMA[within];
  const message = wireType === 2 ? inner[number] : undefined;
  return {
    number,
    wireType,
    start,
    tag: bytes.subarray(start, tagEnd),
    prefix: bytes.subarray(tagEnd, contentStart),
    content: bytes.subarray(contentStart, fieldEnd),
    raw: bytes.subarray(start, fieldEnd),
    message,
    children: message === undefined ? [] : parseMessage(bytes, contentStart, fieldEnd, message),
  };
}

function readVarint(bytes: Uint8Array, start: number, end: number): [value: bigint, next: number] {
  let value = 0n;
  for (let at = start; at < end && at < start + 10; at += 1) {
    const byte = bytes[at] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return [value, at + 1];
  }
  throw new Error(`no varint at ${start}`);
}
