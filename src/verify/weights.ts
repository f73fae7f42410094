import type { BlockDefinition, WeightSpec } from '../blocks/block.ts';
import { drawWeight } from '../blocks/initializers.ts';
import { type GraphView, producerOf } from '../graph/view.ts';
import { DataType, type DataTypeNumber } from '../onnx/data-type.ts';
import { encodeNumbers } from '../onnx/encode.ts';
import type { DataFolder } from '../onnx/external-data.ts';
import { fromFloat16 } from '../onnx/half.ts';
import type { TensorProto } from '../onnx/model-file.ts';
import { readTensor } from '../onnx/read-tensor.ts';
import type { OpenModel, RecordedSite } from '../splice/index.ts';
import type { RuntimeTensor } from './runtime.ts';

/** The weights of one block by their names within it. */
export type BlockWeights = ReadonlyMap<string, Float64Array>;

/** Not a seed that anybody injects with, so that a twin is never the model itself. */
const TWIN_SEED = 0x5e1f;

/** The tensor behind a weight's name: an initializer, or the value of a `Constant` node. */
export function weightTensor(view: GraphView, name: string): TensorProto | undefined {
  return view.initializers.get(name) ?? producerOf(view, name)?.attribute.get('value')?.t;
}

/** The weights that a training would change: constants of the block are none. */
export function trainableWeights(block: BlockDefinition, recorded: RecordedSite): readonly WeightSpec[] {
  return block.weights(recorded.site, recorded.options).filter(({ role }) => role !== 'constant');
}

/** Reads a block's weights out of the model. */
export async function readWeights(
  model: OpenModel,
  block: BlockDefinition,
  recorded: RecordedSite,
  folder?: DataFolder,
): Promise<BlockWeights> {
  const weights = new Map<string, Float64Array>();
  for (const { name } of trainableWeights(block, recorded)) {
    const tensor = weightTensor(model.view, recorded.names[name] ?? '');
    const numbers = tensor === undefined ? undefined : await readTensor(model.file, tensor, folder);
    if (numbers !== undefined) weights.set(name, numbers);
  }
  return weights;
}

/**
 * Seeded weights that are not neutral: with these a gate differs from 1, and by channel, so that no wrong wire can hide
 * behind a gate that changes nothing. Rounded to the block's element type.
 */
export function twinWeights(block: BlockDefinition, recorded: RecordedSite): BlockWeights {
  const weights = new Map<string, Float64Array>();
  for (const weight of trainableWeights(block, recorded)) {
    // A weight that always starts at one number is drawn around it: a scale of 1 would hide that it is not used.
    const { start = 0, ...free } = weight;
    const drawn = drawWeight(block, recorded.options, free, 'kaiming-uniform', TWIN_SEED, recorded.id);
    const moved = start === 0 ? drawn : drawn.map((value) => start + value);
    weights.set(weight.name, roundTo(moved, recorded.site.dataType));
  }
  return weights;
}

/** A weight as it is fed to a runtime, or nothing for a type that JavaScript runtimes take no feeds of. */
export function weightFeed(
  numbers: Float64Array,
  dims: readonly number[],
  dataType: DataTypeNumber,
): RuntimeTensor | undefined {
  switch (dataType) {
    case DataType.FLOAT:
      return { dataType: 'float32', dims, data: new Float32Array(numbers) };
    case DataType.DOUBLE:
      return { dataType: 'float64', dims, data: numbers };
    case DataType.FLOAT16: {
      const bytes = encodeNumbers(numbers, dataType);
      return {
        dataType: 'float16',
        dims,
        data: new Uint16Array(bytes.buffer, bytes.byteOffset, numbers.length),
      };
    }
    default:
      return undefined;
  }
}

function roundTo(numbers: Float64Array, dataType: DataTypeNumber): Float64Array {
  if (dataType === DataType.FLOAT) return new Float64Array(new Float32Array(numbers));
  if (dataType !== DataType.FLOAT16) return numbers;
  const bytes = encodeNumbers(numbers, dataType);
  return Float64Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset, numbers.length), fromFloat16);
}
