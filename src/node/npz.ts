import { isSeInjectError, SeInjectError } from '../errors.ts';
import { isNpy, type NpyArray, parseNpy } from '../onnx/npy.ts';
import { isZip, NPZ_LIMITS, type NpzLimits, parseNpz } from '../onnx/npz.ts';
import { openFile } from './file-source.ts';
import { quotePath } from './io-error.ts';

/**
 * Reads the arrays of an .npz file by their names, or that of an .npy file, which has none and goes by `''`.
 *
 * What the file is is told by its content, not by its ending.
 *
 * @throws SeInjectError `onnx/invalid-array` and `onnx/unsupported-data-type` as `parseNpz` and `parseNpy` do, and the
 * errors of opening a file.
 *
 * @example
 * ```ts
 * const feeds = feedsFromArrays(session.inputs, await readArrays('inputs.npz'));
 * ```
 */
export async function readArrays(
  path: string,
  limits: NpzLimits = NPZ_LIMITS,
): Promise<ReadonlyMap<string, NpyArray>> {
  const bytes = await readAll(path, limits);
  try {
    if (isNpy(bytes)) return new Map([['', parseNpy(bytes)]]);
    if (isZip(bytes)) return parseNpz(bytes, limits);
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    const message = `cannot read ${quotePath(path)}: ${error.message}`;
    throw new SeInjectError(error.code, message, { details: { ...error.details, path }, cause: error });
  }
  throw new SeInjectError(
    'onnx/invalid-array',
    `${quotePath(path)} is neither an .npy nor an .npz file: save the inputs with np.savez("inputs.npz", name=array)`,
    { details: { path } },
  );
}

async function readAll(path: string, limits: NpzLimits): Promise<Uint8Array> {
  const source = await openFile(path);
  try {
    if (source.size <= limits.maxBytes) return await source.read(0, source.size);
  } finally {
    await source.close();
  }
  throw new SeInjectError(
    'onnx/invalid-array',
    `${quotePath(path)} has ${source.size} bytes, more than ${limits.maxBytes}: give a smaller array`,
    { details: { path } },
  );
}
