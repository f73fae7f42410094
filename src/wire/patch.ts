import { SeInjectError } from '../errors.ts';
import { type ByteSource, checkRange } from './byte-source.ts';

/**
 * A length-delimited field whose content may be edited, with the one it lies in: enough to mend every length prefix
 * above an edit.
 */
export interface Enclosure {
  /** The message around this one, or nothing where that is the file. */
  readonly parent: Enclosure | undefined;
  /** Offset of the length prefix. */
  readonly lengthStart: number;
  /** Offset of the content. */
  readonly contentStart: number;
  /** Offset behind the content. */
  readonly end: number;
}

/** One change: `remove` bytes at `offset` give way to `insert`. */
export interface Edit {
  /** The innermost field whose length the change alters, or nothing at the top of the file. */
  readonly within: Enclosure | undefined;
  /** Where, in the file as read. */
  readonly offset: number;
  /** How many bytes go. */
  readonly remove: number;
  /** The bytes that come. */
  readonly insert: Uint8Array;
}

/** A part of the patched file: a range of the original, or new bytes. */
export type Piece = { readonly offset: number; readonly length: number } | Uint8Array;

/** A patched file as ordered pieces: nothing is copied until somebody writes it. */
export interface BytePatch {
  /** The file as read. */
  readonly source: ByteSource;
  /** Ranges of it and new bytes, in order. */
  readonly pieces: readonly Piece[];
  /** Number of bytes of the patched file. */
  readonly size: number;
  /** The length prefixes that were mended, in the order of the file. */
  readonly prefixes: readonly MendedPrefix[];
}

/** A length prefix before and after. */
export interface MendedPrefix {
  readonly field: Enclosure;
  /** Length and width as they are now, in bytes. */
  readonly length: number;
  readonly width: number;
}

/** Decides how wide a mended prefix should be; `order` counts the mended ones in the order of the file. */
export type WidthRule = (field: Enclosure, order: number) => number;

/** The width a prefix had: some writers pad all of theirs to 5 bytes. */
const keepWidth: WidthRule = (field) => field.contentStart - field.lengthStart;

/** The wire's length prefix is 32 bits wide, and every reader of ONNX stops at 2 GiB. */
const PROTOBUF_LIMIT = 2 ** 31 - 1;

/**
 * Turns edits into a patched file, with the length prefixes around them mended.
 *
 * A prefix keeps the width it had unless the new length needs more, or `widthOf` asks for another one. Edits are
 * positions in the file as read; at one offset, edits of the inner field come first, then those given first.
 *
 * Throws `wire/patch-overlap` where two edits remove the same byte, and `splice/result-too-large` where a message
 * would pass protobuf's 2 GiB.
 *
 * @example
 * ```ts
 * const file = memorySource(new Uint8Array([0x0a, 0x01, 0x41])); // field 1: "A"
 * const field = { parent: undefined, lengthStart: 1, contentStart: 2, end: 3 };
 * patchBytes(file, [{ within: field, offset: 3, remove: 0, insert: new Uint8Array([0x42]) }]).size; // → 4
 * ```
 */
export function patchBytes(
  source: ByteSource,
  edits: readonly Edit[],
  widthOf: WidthRule = keepWidth,
): BytePatch {
  const growth = new Map<Enclosure | undefined, number>();
  const grow = (within: Enclosure | undefined, bytes: number): void => {
    growth.set(within, (growth.get(within) ?? 0) + bytes);
  };
  const enclosures = new Set<Enclosure>();
  for (const { within, insert, remove } of edits) {
    grow(within, insert.length - remove);
    for (let at = within; at !== undefined; at = at.parent) enclosures.add(at);
  }
  const inOrder = [...enclosures].sort((a, b) => a.contentStart - b.contentStart);
  const all: Edit[] = [...edits];
  const prefixes: MendedPrefix[] = [];
  // Backwards: inner fields start later than those around them, so their growth is known before it is asked for.
  for (const [order, field] of [...inOrder.entries()].reverse()) {
    const had = field.contentStart - field.lengthStart;
    const length = field.end - field.contentStart + (growth.get(field) ?? 0);
    refuseTooLarge(length);
    const prefix = encodeVarint(length, widthOf(field, order));
    prefixes.unshift({ field, length, width: prefix.length });
    all.push({ within: field.parent, offset: field.lengthStart, remove: had, insert: prefix });
    grow(field.parent, (growth.get(field) ?? 0) + prefix.length - had);
  }
  const size = source.size + (growth.get(undefined) ?? 0);
  refuseTooLarge(size);
  return { source, pieces: toPieces(source.size, all), size, prefixes };
}

/** Writes a length in at least `width` bytes, padded with continuation bits where it needs fewer. */
export function encodeVarint(value: number, width = 1): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  } while (rest > 0 || bytes.length < width);
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) & 0x7f;
  return Uint8Array.from(bytes);
}

/** Bytes that a length needs at least. */
export function varintWidth(value: number): number {
  return encodeVarint(value).length;
}

/** The patched file as a source, so that it can be read again like any other. */
export function patchedSource(patch: BytePatch): ByteSource {
  const starts: number[] = [];
  let total = 0;
  for (const piece of patch.pieces) {
    starts.push(total);
    total += piece.length;
  }
  return {
    size: patch.size,
    async fill(target, offset) {
      checkRange(patch.size, offset, target.length);
      for (let at = lastAtOrBefore(starts, offset), done = 0; done < target.length; at += 1) {
        const piece = patch.pieces[at];
        if (piece === undefined) break;
        const skip = offset + done - (starts[at] ?? 0);
        const into = target.subarray(done, done + piece.length - skip);
        if (piece instanceof Uint8Array) into.set(piece.subarray(skip, skip + into.length));
        else if (patch.source.fill !== undefined) await patch.source.fill(into, piece.offset + skip);
        else into.set(await patch.source.read(piece.offset + skip, into.length));
        done += into.length;
      }
    },
    async read(offset, length) {
      checkRange(patch.size, offset, length);
      const first = lastAtOrBefore(starts, offset);
      const piece = patch.pieces[first];
      const start = starts[first] ?? 0;
      if (piece !== undefined && offset + length <= start + piece.length)
        return part(piece, offset - start, length);
      const bytes = new Uint8Array(length);
      for (let at = first; at < starts.length && (starts[at] ?? 0) < offset + length; at += 1) {
        const next = patch.pieces[at];
        const from = starts[at] ?? 0;
        if (next === undefined) break;
        const low = Math.max(offset, from);
        const high = Math.min(offset + length, from + next.length);
        if (high > low) bytes.set(await part(next, low - from, high - low), low - offset);
      }
      return bytes;
    },
  };

  async function part(piece: Piece, offset: number, length: number): Promise<Uint8Array> {
    if (piece instanceof Uint8Array) return piece.subarray(offset, offset + length);
    return patch.source.read(piece.offset + offset, length);
  }
}

/** The whole patched file in memory. */
export async function patchedBytes(patch: BytePatch): Promise<Uint8Array> {
  const bytes = new Uint8Array(patch.size);
  let at = 0;
  for (const piece of patch.pieces) {
    bytes.set(piece instanceof Uint8Array ? piece : await patch.source.read(piece.offset, piece.length), at);
    at += piece.length;
  }
  return bytes;
}

function toPieces(size: number, edits: readonly Edit[]): Piece[] {
  const ordered = edits
    .map((edit, index) => ({ edit, index, depth: enclosureDepth(edit.within) }))
    .sort((a, b) => a.edit.offset - b.edit.offset || b.depth - a.depth || a.index - b.index);
  const pieces: Piece[] = [];
  let at = 0;
  let last = 0;
  for (const { edit } of ordered) {
    // An insertion at the place of a replacement comes behind what was put there.
    const meets = edit.offset < at && !(edit.remove === 0 && edit.offset === last);
    if (meets || edit.offset + edit.remove > size) {
      throw new SeInjectError(
        'wire/patch-overlap',
        `two edits meet at byte ${edit.offset}: this is a fault of the tool`,
        {
          details: { offset: edit.offset },
        },
      );
    }
    if (edit.offset > at) pieces.push({ offset: at, length: edit.offset - at });
    if (edit.insert.length > 0) pieces.push(edit.insert);
    at = Math.max(at, edit.offset + edit.remove);
    last = edit.offset;
  }
  if (size > at) pieces.push({ offset: at, length: size - at });
  return pieces;
}

function enclosureDepth(within: Enclosure | undefined): number {
  let depth = 0;
  for (let at = within; at !== undefined; at = at.parent) depth += 1;
  return depth;
}

function lastAtOrBefore(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low;
}

/** Throws `splice/result-too-large` for a message that protobuf's 32-bit lengths would not hold. */
export function refuseTooLarge(bytes: number): void {
  if (bytes <= PROTOBUF_LIMIT) return;
  throw new SeInjectError(
    'splice/result-too-large',
    `the result would have a message of ${bytes} bytes, over protobuf's limit of 2 GiB: move the weights to external data first, or inject fewer or smaller blocks`,
    { details: { bytes, limit: PROTOBUF_LIMIT } },
  );
}
