import protobuf from 'protobufjs/minimal.js';
import { SeInjectError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { type FieldPath, formatPath } from './field-path.ts';

/** How a field is written, as the protobuf encoding names it. */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** One field of a message, by where it lies in the source. */
export interface Field {
  /** Number of the field in its message. */
  readonly number: number;
  /** One of {@link WireType}. */
  readonly wireType: number;
  /** Offset of the tag. */
  readonly start: number;
  /** Offset of the length prefix, or of the content where there is none. */
  readonly lengthStart: number;
  /** Offset of the content. */
  readonly contentStart: number;
  /** Offset behind the content. */
  readonly end: number;
}

/** Bytes that a reading step wants to see next. */
export interface LoadRequest {
  readonly offset: number;
  readonly length: number;
}

/**
 * A reading step: a generator that asks for bytes it lacks and goes on when they are there.
 *
 * So one piece of code reads memory, Blobs and files, and pays for asynchrony only where bytes are really fetched:
 * once a window, not once a field.
 */
export type Reading<T> = Generator<LoadRequest, T, void>;

/** What is fetched when reading goes on behind the window. */
const SEQUENTIAL_SIZE = 256 * 1024;

/** What is fetched behind a skipped payload: often just the next header, with another payload to skip. */
const SEEK_SIZE = 8 * 1024;

/** A tag of at most 5 bytes with a varint of at most 10 behind it. */
const HEADER_LIMIT = 16;

/** The part of a source that is in memory just now, and the reader of field headers over it. */
export class SlidingWindow {
  /** Number of bytes of the whole source. */
  readonly size: number;
  /** Names that were read so far, each kept once however often it stands there: equal ones need not be compared. */
  readonly names: Map<string, string> = new Map();
  #buffer: Uint8Array = new Uint8Array(0);
  #base = 0;
  #reader: protobuf.Reader = protobuf.Reader.create(new Uint8Array(0));

  /** Makes an empty window on a source of that many bytes. */
  constructor(size: number) {
    this.size = size;
  }

  /** Tells whether the range is loaded. */
  has(offset: number, length: number): boolean {
    return offset >= this.#base && offset + length <= this.#base + this.#buffer.length;
  }

  /** Tells whether the offset lies in the window or right behind it. */
  touches(offset: number): boolean {
    return offset >= this.#base && offset <= this.#base + this.#buffer.length;
  }

  /** Puts other bytes into the window. */
  load(offset: number, bytes: Uint8Array): void {
    // Not a Buffer of Node, even where the source gives one: its `slice` is a view, and everything here copies with it.
    this.#buffer = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#base = offset;
    this.#reader = protobuf.Reader.create(this.#buffer);
  }

  /** The loaded bytes of a range, as a view that the next load leaves behind. */
  view(offset: number, length: number): Uint8Array {
    return this.#buffer.subarray(offset - this.#base, offset - this.#base + length);
  }

  /** What must be loaded before {@link field} can read the header at `at`, or nothing. */
  header(at: number, end: number): LoadRequest | undefined {
    const length = Math.min(HEADER_LIMIT, end - at);
    return this.has(at, length) ? undefined : { offset: at, length };
  }

  /**
   * Reads the header of the field at `at`, which must be loaded, in a message that ends at `end`.
   *
   * Throws `wire/truncated`, `wire/overlong-varint`, `wire/invalid-tag`, `wire/unexpected-wire-type` or
   * `wire/length-past-end`, each with the byte offset and the path of the message.
   */
  field(at: number, end: number, path: FieldPath): Field {
    const [tag, lengthStart] = this.#varint32(at, end, path);
    const number = tag >>> 3;
    const wireType = tag & 7;
    if (number === 0) throw failure('wire/invalid-tag', 'field number 0', at, path);
    let contentStart = lengthStart;
    let contentEnd: number;
    switch (wireType) {
      case WireType.varint:
        contentEnd = this.#skipVarint(lengthStart, end, path);
        break;
      case WireType.fixed64:
        contentEnd = lengthStart + 8;
        break;
      case WireType.fixed32:
        contentEnd = lengthStart + 4;
        break;
      case WireType.bytes: {
        const [length, start] = this.#varint32(lengthStart, end, path);
        contentStart = start;
        contentEnd = start + length;
        break;
      }
      default:
        throw failure('wire/unexpected-wire-type', `wire type ${wireType} of field ${number}`, at, path);
    }
    if (contentEnd > end) {
      throw failure(
        'wire/length-past-end',
        `field ${number} ends at byte ${contentEnd}, past ${end}`,
        at,
        path,
      );
    }
    return { number, wireType, start: at, lengthStart, contentStart, end: contentEnd };
  }

  /** The value of a loaded varint field as a signed 64-bit integer. */
  int64(field: Field): bigint {
    let value = 0n;
    let shift = 0n;
    for (const byte of this.view(field.contentStart, field.end - field.contentStart)) {
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    }
    return BigInt.asIntN(64, value);
  }

  #varint32(at: number, end: number, path: FieldPath): readonly [value: number, next: number] {
    const next = this.#skipVarint(at, end, path);
    this.#reader.pos = at - this.#base;
    const value = this.#reader.uint32();
    const last = this.#buffer[at - this.#base + 4] ?? 0;
    if (next - at > 5 || (next - at === 5 && last > 0x0f)) {
      throw failure('wire/overlong-varint', 'a tag or length beyond 32 bits', at, path);
    }
    return [value, next];
  }

  #skipVarint(at: number, end: number, path: FieldPath): number {
    const limit = Math.min(end, this.#base + this.#buffer.length);
    for (let next = at; next < limit; next += 1) {
      if (next - at === 10) throw failure('wire/overlong-varint', 'a varint of over 10 bytes', at, path);
      if ((this.#buffer[next - this.#base] ?? 0) < 0x80) return next + 1;
    }
    if (limit - at >= 10) throw failure('wire/overlong-varint', 'a varint of over 10 bytes', at, path);
    throw failure('wire/truncated', 'a varint that the message ends in', at, path);
  }
}

/** Runs a reading step over a source, fetching what it asks for. */
export async function readFrom<T>(
  source: ByteSource,
  step: (window: SlidingWindow) => Reading<T>,
): Promise<T> {
  const window = new SlidingWindow(source.size);
  const reading = step(window);
  for (;;) {
    const state = reading.next();
    if (state.done === true) return state.value;
    const { offset, length } = state.value;
    const chunk = window.touches(offset) ? SEQUENTIAL_SIZE : SEEK_SIZE;
    const want = Math.max(length, Math.min(chunk, source.size - offset));
    window.load(offset, await source.read(offset, want));
  }
}

/** Loads a range where it is not loaded yet. */
export function* need(window: SlidingWindow, offset: number, length: number): Reading<Uint8Array> {
  if (!window.has(offset, length)) yield { offset, length };
  return window.view(offset, length);
}

type WireCode =
  | 'wire/truncated'
  | 'wire/overlong-varint'
  | 'wire/invalid-tag'
  | 'wire/unexpected-wire-type'
  | 'wire/length-past-end';

function failure(code: WireCode, fact: string, offset: number, path: FieldPath): SeInjectError {
  const field = formatPath(path);
  return new SeInjectError(
    code,
    `${fact} at byte ${offset}, in ${field}: the file is damaged, cut short or no ONNX model`,
    { details: { offset, field } },
  );
}
