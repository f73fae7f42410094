import type { FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import type { ByteSource } from '../wire/byte-source.ts';
import type { BytePatch } from '../wire/patch.ts';
import { type FillingSource, isFileSource } from './file-source.ts';
import { ioError } from './io-error.ts';

/** What is read and written at once: each step costs a hop to another thread; larger ones only cost memory. */
const CHUNK_SIZE = 1024 * 1024;

/** What is read for a range that is shorter. */
const BLOCK_SIZE = 64 * 1024;

/** Where time went while a file was written. */
export interface WriteTimings {
  /** Reading and writing. */
  readonly writeMs: number;
  /** The final sync: the disk's own time. */
  readonly syncMs: number;
}

/**
 * Writes a patched file from its pieces and syncs it; the next chunk is read while one is written.
 *
 * Memory stays at two chunks whatever the file's size. Throws `node/file-changed` where the original was written to
 * meanwhile: the copy would be neither the old file nor the new one.
 */
export async function writePatch(patch: BytePatch, file: FileHandle): Promise<WriteTimings> {
  const start = performance.now();
  let at = 0;
  await pump(patch, async (chunk) => {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await file.write(chunk, done, chunk.length - done, at);
      done += bytesWritten;
      at += bytesWritten;
    }
  });
  if (isFileSource(patch.source)) await patch.source.assertUnchanged();
  const written = performance.now();
  await file.sync();
  return { writeMs: written - start, syncMs: performance.now() - written };
}

/**
 * Writes a patched file to a stream, waiting where its reader is slow.
 *
 * Throws `node/io` where the reader goes away.
 */
export async function streamPatch(patch: BytePatch, stream: Writable): Promise<WriteTimings> {
  const start = performance.now();
  await pump(patch, (chunk) => writeChunk(stream, chunk));
  if (isFileSource(patch.source)) await patch.source.assertUnchanged();
  return { writeMs: performance.now() - start, syncMs: 0 };
}

/** Hands the patched file on in chunks; each must be done with when `write` resolves, as its memory is used again. */
async function pump(patch: BytePatch, write: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  const next = chunksOf(patch);
  let current = await next();
  while (current.length > 0) {
    // Both are waited for, whichever fails: the file must not be closed under one that goes on.
    const [written, read] = await Promise.allSettled([write(current), next()]);
    if (written.status === 'rejected') throw written.reason;
    if (read.status === 'rejected') throw read.reason;
    current = read.value;
  }
}

/** Gives the patched file in chunks, in two buffers that take turns; an empty one is the end. */
function chunksOf({ source, pieces, size }: BytePatch): () => Promise<Uint8Array> {
  const read = rangeReader(source);
  const length = Math.min(CHUNK_SIZE, size);
  let buffer = new Uint8Array(length);
  let spare = new Uint8Array(length);
  let piece = 0;
  let offset = 0;
  return async () => {
    [buffer, spare] = [spare, buffer];
    let filled = 0;
    while (filled < buffer.length) {
      const at = pieces[piece];
      if (at === undefined) break;
      const count = Math.min(at.length - offset, buffer.length - filled);
      const target = buffer.subarray(filled, filled + count);
      if (at instanceof Uint8Array) target.set(at.subarray(offset, offset + count));
      else await read(target, at.offset + offset);
      filled += count;
      offset += count;
      if (offset === at.length) {
        piece += 1;
        offset = 0;
      }
    }
    return buffer.subarray(0, filled);
  };
}

/** Reads ranges into place: long ones directly, short ones out of blocks, since an edited graph is hundreds of them. */
function rangeReader(source: ByteSource): (target: Uint8Array, offset: number) => Promise<void> {
  let block: Uint8Array = new Uint8Array(0);
  let start = 0;
  return async (target, offset) => {
    if (target.length >= BLOCK_SIZE) {
      if (isFilling(source)) await source.fill(target, offset);
      else target.set(await source.read(offset, target.length));
      return;
    }
    if (offset < start || offset + target.length > start + block.length) {
      block = await source.read(offset, Math.min(BLOCK_SIZE, source.size - offset));
      start = offset;
    }
    target.set(block.subarray(offset - start, offset - start + target.length));
  };
}

function writeChunk(stream: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(ioError(error, 'write to', 'stdout'));
    stream.once('error', fail);
    stream.write(chunk, (error) => {
      // A stream tells its error twice: here, and as an event one tick later.
      if (error != null) fail(error);
      else {
        stream.off('error', fail);
        resolve();
      }
    });
  });
}

function isFilling(source: ByteSource): source is FillingSource {
  return 'fill' in source;
}
