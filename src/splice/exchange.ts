import type { BlockDefinition, BlockSite, ResolvedOptions, WeightSpec } from '../blocks/block.ts';
import type { DataTypeNumber } from '../onnx/data-type.ts';

/** A weight of a block as PyTorch would have it. */
export interface ExchangedWeight {
  /** `<site>.fc1.weight` and the like. */
  readonly name: string;
  /** The name within the block. */
  readonly local: string;
  /** [outputs, inputs, 1, 1] for the weights of a layer, also where the model stores a matrix the other way round. */
  readonly dims: readonly number[];
  readonly dataType: DataTypeNumber;
  readonly spec: WeightSpec;
}

/** The layers of an SE block by the names that PyTorch implementations give them. */
const TORCH_LAYERS: Readonly<Record<string, string>> = { reduce: 'fc1', expand: 'fc2' };

/** What a block's weights are called outside the model, and how they are shaped there; constants are none. */
export function exchangedWeights(
  prefix: string,
  block: BlockDefinition,
  site: BlockSite,
  options: ResolvedOptions,
): readonly ExchangedWeight[] {
  return block
    .weights(site, options)
    .filter(({ role }) => role !== 'constant')
    .map((spec) => {
      const [layer = '', ...rest] = spec.name.split('.');
      const known = block.name === 'se' && Object.hasOwn(TORCH_LAYERS, layer) ? TORCH_LAYERS[layer] : layer;
      return {
        name: [prefix, known, ...rest].join('.'),
        local: spec.name,
        dims: torchDims(spec, site.rank),
        dataType: spec.dataType ?? site.dataType,
        spec,
      };
    });
}

function torchDims({ dims, transposed }: WeightSpec, rank: number): readonly number[] {
  const [inputs, outputs, ...more] = dims;
  if (transposed !== true || inputs === undefined || outputs === undefined || more.length > 0) return dims;
  return [outputs, inputs, ...Array.from({ length: rank - 2 }, () => 1)];
}

/** Numbers in PyTorch's order as they are stored. */
export function toStored({ spec }: ExchangedWeight, numbers: Float64Array): Float64Array {
  const [inputs = 1, outputs = 1] = spec.dims;
  return spec.transposed === true ? transpose(numbers, outputs, inputs) : numbers;
}

/** Stored numbers in PyTorch's order. */
export function fromStored({ spec }: ExchangedWeight, numbers: Float64Array): Float64Array {
  const [inputs = 1, outputs = 1] = spec.dims;
  return spec.transposed === true ? transpose(numbers, inputs, outputs) : numbers;
}

function transpose(numbers: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(numbers.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      result[column * rows + row] = numbers[row * columns + column] ?? 0;
    }
  }
  return result;
}
