import { Unzip, UnzipInflate } from 'fflate';
import { formatName } from './format-name.ts';
import { invalidArray } from './npy-header.ts';

/** Entries that are listed; a zip of more is not one of arrays. */
const MAX_ENTRIES = 10_000;

/**
 * Lists the arrays of an .npz file by their names without `.npy`, in the order of the file. Nothing is unpacked.
 *
 * Throws `onnx/invalid-array` for a file that is damaged or has too many entries.
 */
export async function listNpz(chunks: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  const names: string[] = [];
  const unzip = new Unzip(({ name }) => {
    if (names.length >= MAX_ENTRIES) throw invalidArray(`file has more than ${MAX_ENTRIES} entries`);
    if (name.endsWith('.npy')) names.push(name.slice(0, -'.npy'.length));
  });
  for await (const chunk of chunks) push(unzip, chunk, false);
  push(unzip, new Uint8Array(0), true);
  return names;
}

/**
 * Unpacks one array of an .npz file as it is read: neither the file nor the array is ever whole in memory.
 *
 * @param chunks - The file from its start.
 * @param name - The array's name without `.npy`.
 * @throws SeInjectError `onnx/invalid-array` where the file is damaged or has no such array.
 *
 * @example
 * ```ts
 * for await (const bytes of streamNpz(createReadStream('data.npz'), 'x')) parse(bytes);
 * ```
 */
export async function* streamNpz(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = [];
  let [found, done] = [false, false];
  const unzip = new Unzip((file) => {
    if (found || file.name !== `${name}.npy`) return;
    found = true;
    file.ondata = (error, data, final) => {
      if (error !== null && error !== undefined) throw error;
      // A copy: fflate hands out parts of buffers that it writes to again.
      if (data.length > 0) ready.push(data.slice());
      done = final;
    };
    file.start();
  });
  unzip.register(UnzipInflate);
  for await (const chunk of chunks) {
    push(unzip, chunk, false);
    yield* ready.splice(0);
    if (done) return;
  }
  push(unzip, new Uint8Array(0), true);
  yield* ready.splice(0);
  if (!found) throw invalidArray(`file has no array "${formatName(name)}"`);
}

function push(unzip: Unzip, chunk: Uint8Array, final: boolean): void {
  try {
    unzip.push(chunk, final);
  } catch (error) {
    // A file that ends too early: whoever counts the rows says how many are missing.
    if (final) return;
    throw error instanceof Error && 'details' in error
      ? error
      : invalidArray(
          `file is damaged (${error instanceof Error ? error.message : String(error)}): copy it again`,
        );
  }
}
