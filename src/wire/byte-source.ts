import { SeInjectError } from '../errors.ts';

/**
 * Random access to bytes that may be too many to hold: a file, a Blob or a buffer.
 *
 * Everything that reads a model reads it through this, so that memory grows with the graph and not with the weights.
 */
export interface ByteSource {
  /** Number of bytes. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes from `offset`.
   *
   * The result may be a view of shared memory: copy it to keep or to change it. Rejects with `wire/truncated` where
   * the range leaves the source.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` with the bytes from `offset`, for those that read much and keep nothing; not all sources can. */
  fill?(target: Uint8Array, offset: number): Promise<void>;
}

/** A part of a blob, of which the bytes can be read. */
export interface BlobLikeSlice {
  /** Its bytes. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** The part of a `Blob` that is used here, so that the core needs no DOM types. */
export interface BlobLike {
  /** Number of bytes. */
  readonly size: number;
  /** A part of the blob, without copying it. */
  slice(start: number, end: number): BlobLikeSlice;
}

/**
 * Makes a source of bytes that are in memory; reads are views, not copies.
 *
 * @example
 * ```ts
 * const source = memorySource(new Uint8Array([8, 7]));
 * source.size; // → 2
 * ```
 */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    async read(offset, length) {
      checkRange(bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/**
 * Makes a source of a `Blob` or a `File` of the browser, of which only what is read is brought into memory.
 *
 * @example
 * ```ts
 * const source = blobSource(new Blob([new Uint8Array([8, 7])]));
 * await source.read(1, 1); // → Uint8Array [7]
 * ```
 */
export function blobSource(blob: BlobLike): ByteSource {
  return {
    size: blob.size,
    async read(offset, length) {
      checkRange(blob.size, offset, length);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
  };
}

/** Throws `wire/truncated` unless the range lies inside a source of that size. */
export function checkRange(size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new SeInjectError(
    'wire/truncated',
    `bytes ${offset} to ${offset + length} were asked of a source of ${size} bytes: the file is cut short or was changed while it was read`,
    { details: { offset, length, size } },
  );
}
