import { concatBytes } from '../wire/bytes.ts';
import { checkExternalPath, type DataFolder, externalRange, requireFolder } from './external-data.ts';
import type { ModelFile, TensorDataField, TensorProto } from './model-file.ts';
import { decodeNumbers, elementCount, packNumbers } from './tensor-data.ts';

/** A tensor's content, with the field whose form it has. */
export interface TensorContent {
  readonly field: TensorDataField;
  readonly bytes: Uint8Array;
}

/**
 * Reads the content of a tensor from wherever it lies: the model's file or a data file beside it.
 *
 * Gives nothing for a tensor without data. Throws the `onnx/external-data-...` errors.
 */
export async function readTensorContent(
  model: ModelFile,
  tensor: TensorProto,
  folder?: DataFolder,
): Promise<TensorContent | undefined> {
  const { data } = tensor;
  switch (data.location) {
    case 'none':
      return undefined;
    case 'external': {
      checkExternalPath(data.path, tensor.name);
      const file = await requireFolder(folder, data.path).open(data.path);
      const { offset, length } = externalRange(tensor, data, file.size);
      return { field: 'rawData', bytes: await file.read(offset, length) };
    }
    case 'file': {
      const { field, inline, parts } = data;
      if (inline !== undefined) return { field, bytes: inline };
      const contents: Uint8Array[] = [];
      for (const { offset, length, unpacked } of parts) {
        const bytes = await model.source.read(offset, length);
        contents.push(unpacked && field !== 'stringData' ? packNumbers(bytes) : bytes);
      }
      const [only, ...more] = contents;
      return { field, bytes: only !== undefined && more.length === 0 ? only : concatBytes(contents) };
    }
  }
}

/**
 * Reads the numbers of a tensor in float64, wherever they live; 64-bit integers beyond 2^53 lose their last digits.
 *
 * Gives nothing for strings, complex numbers and types that have not been heard of. Throws `onnx/tensor-data-size` where
 * the bytes do not fit the shape, and the `onnx/external-data-...` errors.
 *
 * @example
 * ```ts
 * const model = await scanModel(source);
 * const [weight] = model.graph.initializer;
 * if (weight) await readTensor(model, weight); // → Float64Array [0.012, -0.3, ...]
 * ```
 */
export async function readTensor(
  model: ModelFile,
  tensor: TensorProto,
  folder?: DataFolder,
): Promise<Float64Array | undefined> {
  const count = elementCount(tensor.dims);
  const content = await readTensorContent(model, tensor, folder);
  if (content === undefined) {
    // Nothing is what a tensor without elements holds; anything else lacks its data.
    return decodeNumbers('rawData', new Uint8Array(0), tensor.dataType, count, tensor.name);
  }
  return decodeNumbers(content.field, content.bytes, tensor.dataType, count, tensor.name);
}
