import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { type ByteStream, invalidData, readHead } from '../evaluate/index.ts';
import { streamNpz } from '../onnx/npz-stream.ts';
import { hasCode, ioError, quotePath } from './io-error.ts';

/** Bytes that are read at once. */
const CHUNK = 2 ** 18;

/** A file as bytes from its start. */
export interface FileStream extends ByteStream {
  readonly size: number;
}

/** Opens a file for reading from its start, unpacked where it is gzipped. Throws `node/not-found` and the like. */
export async function fileStream(path: string): Promise<FileStream> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw ioError(error, 'read', path);
  });
  const plain = { path, size, open: () => readFile(path) };
  const [first, second] = await readHead(plain, 2);
  return first === 0x1f && second === 0x8b ? { path, size, open: () => gunzip(path) } : plain;
}

/** One array of an .npz file. */
export function npzEntry(file: ByteStream, name: string): ByteStream {
  return { path: `${file.path}:${name}`, open: () => streamNpz(file.open(), name) };
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: CHUNK });
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw ioError(error, 'read', path);
  } finally {
    stream.destroy();
  }
}

/** Unpacks as it goes. A file that ends too early just ends: whoever counts says what is missing. */
async function* gunzip(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: CHUNK });
  const unpacked = createGunzip({ chunkSize: CHUNK });
  file.once('error', (error) => unpacked.destroy(error));
  try {
    yield* file.pipe(unpacked) as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (hasCode(error, 'Z_BUF_ERROR')) return;
    if (hasCode(error, 'Z_DATA_ERROR'))
      throw invalidData(`${quotePath(path)} cannot be unpacked: copy it again`, path, error);
    throw ioError(error, 'read', path);
  } finally {
    file.destroy();
    unpacked.destroy();
  }
}
