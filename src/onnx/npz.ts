import { unzipSync } from 'fflate';
import { isSeInjectError, SeInjectError } from '../errors.ts';
import { formatName } from './format-name.ts';
import { type NpyArray, parseNpy } from './npy.ts';
import { invalidArray } from './npy-header.ts';

/** What an .npz file may unpack to. */
export interface NpzLimits {
  /** Bytes of all arrays together, as the file declares them. */
  readonly maxBytes: number;
  /** Entries. */
  readonly maxEntries: number;
}

/** Two GiB is more than the inputs of any image network take. */
export const NPZ_LIMITS: NpzLimits = { maxBytes: 2 ** 31, maxEntries: 10_000 };

/** Deflate makes of a byte at most so many: nothing is set aside for an entry that declares more. */
const MAX_RATIO = 1032;

/** Tells a zip file, which an .npz file is, by its first bytes: those of an entry, or of the end where it has none. */
export function isZip(bytes: Uint8Array): boolean {
  const [p, k, a, b] = bytes;
  return p === 0x50 && k === 0x4b && ((a === 3 && b === 4) || (a === 5 && b === 6));
}

/**
 * Reads the arrays of an .npz file, by their names without `.npy`, stored or compressed. Other entries are passed over.
 *
 * @throws SeInjectError `onnx/invalid-array` where the file is damaged, unpacks to more than the limits, or has no array;
 * `onnx/unsupported-data-type` where an array has elements that are no numbers and no bools.
 *
 * @example
 * ```ts
 * parseNpz(bytes).get('x')?.dims; // → [1, 3, 224, 224]
 * ```
 */
export function parseNpz(bytes: Uint8Array, limits: NpzLimits = NPZ_LIMITS): ReadonlyMap<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const [name, content] of unpack(bytes, limits)) {
    try {
      arrays.set(name, parseNpy(content));
    } catch (error) {
      if (!isSeInjectError(error)) throw error;
      const message = `"${formatName(name)}": ${error.message}`;
      throw new SeInjectError(error.code, message, {
        details: { ...error.details, array: name },
        cause: error,
      });
    }
  }
  if (arrays.size === 0) throw invalidArray('file holds no array: save them with np.savez("x.npz", input=x)');
  return arrays;
}

function unpack(bytes: Uint8Array, { maxBytes, maxEntries }: NpzLimits): ReadonlyMap<string, Uint8Array> {
  const declared = new Map<string, number>();
  let [entries, total] = [0, 0];
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      // Called for each entry before it is unpacked; only as many bytes are then unpacked as it declares.
      filter: ({ name, size, originalSize }) => {
        entries += 1;
        if (entries > maxEntries) throw invalidArray(`file has more than ${maxEntries} entries`);
        if (!name.endsWith('.npy')) return false;
        if (declared.has(name)) throw invalidArray(`file has two entries "${formatName(name)}"`);
        total += originalSize;
        if (total > maxBytes)
          throw invalidArray(`file unpacks to ${total} bytes or more, which is beyond ${maxBytes}`);
        if (originalSize > size * MAX_RATIO) throw damaged(name);
        declared.set(name, originalSize);
        return true;
      },
    });
  } catch (error) {
    if (isSeInjectError(error)) throw error;
    throw new SeInjectError('onnx/invalid-array', 'the array file cannot be unpacked: copy it again', {
      cause: error,
    });
  }
  const contents = new Map<string, Uint8Array>();
  for (const [name, size] of declared) {
    const content = files[name];
    if (content?.length !== size) throw damaged(name);
    contents.set(name.slice(0, -'.npy'.length), content);
  }
  return contents;
}

function damaged(name: string): SeInjectError {
  return invalidArray(`file is damaged at "${formatName(name)}": copy it again`);
}
