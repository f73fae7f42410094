import { type BigIntStats, constants, read, readSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { SeInjectError } from '../errors.ts';
import { type ByteSource, checkRange } from '../wire/byte-source.ts';
import { ioError, quotePath } from './io-error.ts';

/** Which file a path leads to, whatever the path: links and hard links to one file agree. */
export interface FileIdentity {
  /** Number of the device. */
  readonly dev: bigint;
  /** Number of the inode on it. */
  readonly ino: bigint;
}

/** A source that can fill a buffer that is already there. */
export interface FillingSource extends ByteSource {
  /** Fills the whole of `target` with the bytes from `offset`. */
  fill(target: Uint8Array, offset: number): Promise<void>;
}

/** A regular file that is open for reading at any place. */
export interface FileSource extends FillingSource {
  /** The path as given. */
  readonly path: string;
  /** Which file it is, whatever the path. */
  readonly identity: FileIdentity;
  /** Throws `node/file-changed` where the file was written to since it was opened. */
  assertUnchanged(): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/**
 * Opens a file as a source of bytes: nothing is read until somebody asks for it.
 *
 * Only regular files can be read at any place: a folder, a FIFO, a device or a socket is `node/not-a-file`, and none of
 * them is waited for. Throws `node/not-found` where there is nothing, `node/io` where the system refuses.
 *
 * @example
 * ```ts
 * const source = await openFile('resnet50.onnx');
 * try {
 *   const model = await scanModel(source);
 * } finally {
 *   await source.close();
 * }
 * ```
 */
export async function openFile(path: string): Promise<FileSource> {
  // Asked before it is opened, since opening a device can do things; the open that follows would not wait for a FIFO.
  assertRegular(await stat(path, { bigint: true }).catch(fail), path);
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(fail);
  try {
    const stats = await handle.stat({ bigint: true });
    assertRegular(stats, path);
    return fileSource(handle, stats, path);
  } catch (error) {
    await handle.close();
    throw ioError(error, 'read', path);
  }

  function fail(error: unknown): never {
    throw ioError(error, 'read', path);
  }
}

/** Tells a file from the other sources of bytes. */
export function isFileSource(source: ByteSource): source is FileSource {
  return 'assertUnchanged' in source;
}

function fileSource(handle: FileHandle, stats: BigIntStats, path: string): FileSource {
  const size = Number(stats.size);

  async function fill(target: Uint8Array, offset: number): Promise<void> {
    checkRange(size, offset, target.length);
    for (let done = 0; done < target.length; ) {
      const count = await readAt(handle.fd, target.subarray(done), offset + done).catch((error: unknown) => {
        throw ioError(error, 'read', path);
      });
      if (count === 0) throw changed(path, `it ends at byte ${offset + done} of ${size}`);
      done += count;
    }
  }

  return {
    path,
    size,
    identity: { dev: stats.dev, ino: stats.ino },
    fill,
    async read(offset, length) {
      checkRange(size, offset, length);
      // Not a Buffer: a Buffer's `slice` is a view, and readers of a source copy with it. Not zeroed first either.
      const target = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      await fill(target, offset);
      return target;
    },
    async assertUnchanged() {
      const now = await handle.stat({ bigint: true });
      if (now.size !== stats.size) throw changed(path, `it had ${stats.size} bytes and now has ${now.size}`);
      if (now.mtimeNs !== stats.mtimeNs) throw changed(path, 'it was written to');
    },
    close: () => handle.close(),
  };
}

/** Reads up to this many bytes do not go through a thread: handing one over takes longer than they do. */
const SMALL = 64 * 1024;

/**
 * One read at a place. Scanning a model reads hundreds of headers of a few kilobytes, each behind a payload that is
 * passed over: as calls to another thread they are most of the time.
 */
function readAt(fd: number, target: Uint8Array, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    if (target.length <= SMALL) {
      resolve(readSync(fd, target, 0, target.length, offset));
      return;
    }
    read(fd, target, 0, target.length, offset, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

/**
 * What a thing is that is no regular file, or nothing where it is one.
 *
 * @internal
 */
export function specialKind(stats: BigIntStats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function assertRegular(stats: BigIntStats, path: string): void {
  const kind = specialKind(stats);
  if (kind === undefined) return;
  throw new SeInjectError(
    'node/not-a-file',
    `${quotePath(path)} is ${kind}, no regular file: give a file, or "-" to read from stdin`,
    { details: { path, kind } },
  );
}

function changed(path: string, fact: string): SeInjectError {
  return new SeInjectError(
    'node/file-changed',
    `${quotePath(path)} changed while it was read (${fact}): run again when nobody writes to it`,
    { details: { path } },
  );
}
