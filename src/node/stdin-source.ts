import { SeInjectError } from '../errors.ts';
import { type ByteSource, memorySource } from '../wire/byte-source.ts';
import { patchedSource } from '../wire/patch.ts';

/** The most that is taken from stdin: no protobuf message, and so no ONNX file, is larger. */
export const STDIN_LIMIT: number = 2 ** 31 - 1;

/**
 * Reads a stream to its end, since a model cannot be read in one pass, and keeps its chunks as they came.
 *
 * Throws `wire/too-large` as soon as more than `limit` bytes have arrived (2 GiB - 1 unless said otherwise).
 *
 * @example
 * ```ts
 * const source = await streamSource(process.stdin);
 * source.size; // → 603432
 * ```
 */
export async function streamSource(
  stream: AsyncIterable<unknown>,
  limit: number = STDIN_LIMIT,
): Promise<ByteSource> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (!(bytes instanceof Uint8Array)) throw new TypeError('the stream gives no bytes');
    size += bytes.length;
    if (size > limit) {
      throw new SeInjectError(
        'wire/too-large',
        `over ${limit} bytes arrived on stdin: no ONNX file is larger, give the file's path instead`,
        { details: { limit } },
      );
    }
    // Plain arrays, whose `slice` copies.
    pieces.push(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  }
  return patchedSource({ source: memorySource(new Uint8Array(0)), pieces, size, prefixes: [] });
}
