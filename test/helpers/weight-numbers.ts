import { producerOf } from '../../src/graph/view.ts';
import { readTensor } from '../../src/onnx/read-tensor.ts';
import type { OpenModel } from '../../src/splice/model.ts';

/** The numbers of a block's weights as they stand in the file, by their names within the block. */
export async function weightNumbers(
  { file, view }: OpenModel,
  names: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, Float64Array>> {
  const weights = new Map<string, Float64Array>();
  for (const [local, name] of Object.entries(names)) {
    const tensor = view.initializers.get(name) ?? producerOf(view, name)?.attribute.get('value')?.t;
    const numbers = tensor === undefined ? undefined : await readTensor(file, tensor);
    if (numbers !== undefined) weights.set(local, numbers);
  }
  return weights;
}
