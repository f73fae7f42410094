import { isSeInjectError, SeInjectError } from '../errors.ts';
import { parseWeights, type WeightArray } from '../onnx/weight-arrays.ts';
import { openFile } from './file-source.ts';
import { quotePath } from './io-error.ts';

/** Bytes that a file of weights may have: more than the blocks of any network take. */
const SIZE_LIMIT = 2 ** 31;

/**
 * Reads the arrays of a file of weights, .safetensors or .npz, by their names.
 *
 * @throws SeInjectError `onnx/invalid-array` and `onnx/unsupported-data-type` as `parseWeights` does, and the errors of
 * opening a file.
 *
 * @example
 * ```ts
 * await loadWeights(model, { arrays: await readWeightsFile('trained.safetensors') });
 * ```
 */
export async function readWeightsFile(path: string): Promise<ReadonlyMap<string, WeightArray>> {
  const source = await openFile(path);
  try {
    if (source.size > SIZE_LIMIT) {
      throw new SeInjectError(
        'onnx/invalid-array',
        `the file has ${source.size} bytes, more than ${SIZE_LIMIT}`,
      );
    }
    return parseWeights(await source.read(0, source.size));
  } catch (error) {
    if (!isSeInjectError(error) || 'path' in error.details) throw error;
    const message = `cannot read weights from ${quotePath(path)}: ${error.message}`;
    throw new SeInjectError(error.code, message, { details: { ...error.details, path }, cause: error });
  } finally {
    await source.close();
  }
}
