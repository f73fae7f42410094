import { SeInjectError } from '../errors.ts';
import type { ByteSource } from '../wire/byte-source.ts';
import { allTensors } from './all-tensors.ts';
import { dataTypeBits } from './data-type.ts';
import { formatName } from './format-name.ts';
import type { ModelFile, TensorData, TensorProto } from './model-file.ts';
import { elementCount } from './tensor-data.ts';

/** Where the numbers of a tensor lie outside of the model's file. */
export type ExternalTensorData = Extract<TensorData, { location: 'external' }>;

/**
 * The folder of a model, as far as external data needs it: a file system, the files that a page was given, a test's map.
 *
 * Paths that reach it have passed {@link checkExternalPath}. It refuses what only it can see: `onnx/external-data-missing`
 * where there is no such file, `onnx/external-data-path` where a link leads out of the folder.
 */
export interface DataFolder {
  /** Number of bytes of a data file. */
  size(path: string): Promise<number>;
  /** Opens a data file; what it returns is closed by whoever gave the folder. */
  open(path: string): Promise<ByteSource>;
}

/** A data file that a model refers to. */
export interface ExternalDataFile {
  /** Path relative to the model's folder, as the model writes it. */
  readonly path: string;
  /** Number of bytes. */
  readonly bytes: number;
  /** How many tensors lie in it. */
  readonly tensors: number;
}

/**
 * Checks a `location` by itself: it must name something inside the model's folder.
 *
 * Both kinds of separators count on every system, so that a model that is harmless here is harmless elsewhere.
 */
export function checkExternalPath(path: string, tensor: string): void {
  const fault = pathFault(path);
  if (fault === undefined) return;
  throw new SeInjectError(
    'onnx/external-data-path',
    `the data of tensor "${formatName(tensor)}" is at "${formatName(path)}", which ${fault}: external data must lie in the model's folder, save the model again`,
    { details: { tensor, path } },
  );
}

function pathFault(path: string): string | undefined {
  if (path === '') return 'is no path';
  if (path.includes('\0')) return 'has a NUL character';
  if (/^[/\\]/.test(path) || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (path.split(/[/\\]/).includes('..')) return 'has ".." in it';
  return undefined;
}

/**
 * The range of a data file that holds a tensor's numbers, checked against the tensor's shape and the file's size.
 *
 * Without a `length` it is what the shape needs, or the rest of the file where that is not known.
 */
export function externalRange(
  tensor: TensorProto,
  data: ExternalTensorData,
  fileBytes: number,
): { readonly offset: number; readonly length: number } {
  const bits = dataTypeBits(tensor.dataType);
  const needed = bits === undefined ? undefined : Math.ceil((elementCount(tensor.dims) * bits) / 8);
  const { offset } = data;
  const length = data.length ?? needed ?? fileBytes - offset;
  const at = `of "${formatName(data.path)}", where the data of tensor "${formatName(tensor.name)}" is said to be`;
  const details = { tensor: tensor.name, path: data.path, offset, length, bytes: fileBytes };
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 0) {
    throw new SeInjectError(
      'onnx/external-data-range',
      `there can be no bytes ${offset} to ${offset + length} ${at}: the model is damaged, save it again`,
      { details },
    );
  }
  if (offset + length > fileBytes) {
    throw new SeInjectError(
      'onnx/external-data-range',
      `there are no bytes ${offset} to ${offset + length} ${at}: the file has ${fileBytes} bytes, fetch or save it again`,
      { details },
    );
  }
  if (needed !== undefined && needed !== length) {
    throw new SeInjectError(
      'onnx/external-data-range',
      `the ${length} bytes ${at} are not the ${needed} that its shape needs: the model is damaged, save it again`,
      { details },
    );
  }
  return { offset, length };
}

/**
 * Checks all external data of a model and lists its files in the order in which they are first met.
 *
 * Nothing of the data is read. Throws `onnx/external-data-path`, `onnx/external-data-missing` or
 * `onnx/external-data-range`, and `onnx/external-data-unavailable` where the model has external data and no folder is
 * known (it came through a pipe).
 */
export async function checkExternalData(
  model: ModelFile,
  folder: DataFolder | undefined,
): Promise<readonly ExternalDataFile[]> {
  const files = new Map<string, { path: string; bytes: number; tensors: number }>();
  for (const tensor of allTensors(model)) {
    const { data } = tensor;
    if (data.location !== 'external') continue;
    checkExternalPath(data.path, tensor.name);
    let file = files.get(data.path);
    if (file === undefined) {
      file = { path: data.path, bytes: await requireFolder(folder, data.path).size(data.path), tensors: 0 };
      files.set(data.path, file);
    }
    externalRange(tensor, data, file.bytes);
    file.tensors += 1;
  }
  return [...files.values()];
}

/** Tells whether a model refers to files beside it. */
export function hasExternalData(model: ModelFile): boolean {
  for (const { data } of allTensors(model)) if (data.location === 'external') return true;
  return false;
}

/** The folder, or an error where none is known. */
export function requireFolder(folder: DataFolder | undefined, path: string): DataFolder {
  if (folder !== undefined) return folder;
  throw new SeInjectError(
    'onnx/external-data-unavailable',
    `the model has weights in "${formatName(path)}", and its folder is not known: give the path of the model instead of its bytes`,
    { details: { path } },
  );
}

/** The error for a data file that is not there, for those who implement a {@link DataFolder}. */
export function externalDataMissing(path: string, cause?: unknown): SeInjectError {
  return new SeInjectError(
    'onnx/external-data-missing',
    `the model's weights in "${formatName(path)}" are missing: put that file beside the model`,
    { details: { path }, cause },
  );
}
