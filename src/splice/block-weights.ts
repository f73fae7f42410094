import type { BlockDefinition } from '../blocks/block.ts';
import { blockNamed } from '../blocks/registry.ts';
import { SeInjectError } from '../errors.ts';
import { type GraphView, producerOf } from '../graph/view.ts';
import type { DataFolder } from '../onnx/external-data.ts';
import { formatName } from '../onnx/format-name.ts';
import type { NodeProto, TensorProto } from '../onnx/model-file.ts';
import { readTensor } from '../onnx/read-tensor.ts';
import { type ExchangedWeight, exchangedWeights, fromStored } from './exchange.ts';
import type { OpenModel } from './model.ts';
import { type InjectionRecord, type RecordedSite, readRecords } from './record.ts';
import { findRecordedBlock } from './recorded-block.ts';

/** A weight of a block that a model holds. */
export interface BlockWeight extends ExchangedWeight {
  /** The id that the block was injected under. */
  readonly site: string;
  /** Name of the block. */
  readonly block: string;
  /** The value that was tapped, by the name that it had. */
  readonly value: string;
  /** The name of the initializer, or of the value of the `Constant` node. */
  readonly initializer: string;
  /** The numbers in PyTorch's order. */
  readonly numbers: Float64Array;
}

/** A recorded block, found in the model and as its record says. */
export interface HeldBlock {
  readonly record: InjectionRecord;
  readonly recorded: RecordedSite;
  readonly block: BlockDefinition;
  readonly weights: readonly ExchangedWeight[];
}

/**
 * The blocks that a model holds, by all of its records. Where two injections have sites of one id, the weights of the
 * earlier one are called `injection<n>.<site>...`.
 *
 * Throws `splice/no-record` and `splice/invalid-record`, and `splice/cannot-strip` where a block is not what its record
 * says.
 */
export function heldBlocks(
  { view }: OpenModel,
  records: readonly InjectionRecord[],
  blocks: readonly BlockDefinition[],
): readonly HeldBlock[] {
  if (records.length === 0) {
    throw new SeInjectError(
      'splice/no-record',
      'the model holds no record of an injection, and so no block of this tool',
    );
  }
  const last = new Map(records.flatMap(({ sites }, index) => sites.map(({ id }) => [id, index] as const)));
  return records.flatMap((record, index) => {
    const block = blocks.find(({ name }) => name === record.block) ?? blockNamed(record.block);
    return record.sites.map((recorded) => {
      const [finding] = findRecordedBlock(view, recorded, block).findings;
      if (finding !== undefined) {
        throw new SeInjectError(
          'splice/cannot-strip',
          `the block of site "${formatName(recorded.id)}" is not what the record says: ${finding}`,
          { details: { site: recorded.id } },
        );
      }
      const { id, site, options } = recorded;
      const prefix = last.get(id) === index ? id : `injection${index + 1}.${id}`;
      return { record, recorded, block, weights: exchangedWeights(prefix, block, site, options) };
    });
  });
}

/**
 * Reads the weights of the blocks that a model holds, under the names and in the shapes that PyTorch would have.
 *
 * Weights in external data are looked up in `folder`. Throws `splice/no-record` where there are no blocks, and
 * `splice/cannot-strip` for blocks that were changed.
 *
 * @example
 * ```ts
 * const [first] = await readBlockWeights(model);
 * first?.name; // → '2_1.fc1.weight'
 * first?.dims; // → [16, 256, 1, 1]
 * ```
 */
export async function readBlockWeights(
  model: OpenModel,
  blocks: readonly BlockDefinition[] = [],
  folder?: DataFolder,
): Promise<readonly BlockWeight[]> {
  const { records } = readRecords(model.file);
  const found: BlockWeight[] = [];
  for (const { record, recorded, weights } of heldBlocks(model, records, blocks)) {
    for (const weight of weights) {
      const initializer = recorded.names[weight.local] ?? '';
      const home = weightHome(model.view, initializer);
      const numbers = home && (await readTensor(model.file, home.tensor, folder));
      if (numbers === undefined) continue;
      const { id, value } = recorded;
      found.push({
        ...weight,
        site: id,
        block: record.block,
        value,
        initializer,
        numbers: fromStored(weight, numbers),
      });
    }
  }
  return found;
}

/** Where a weight lies: an initializer, or the tensor of a `Constant` node. */
export function weightHome(
  view: GraphView,
  name: string,
): { readonly tensor: TensorProto; readonly node: NodeProto | undefined } | undefined {
  const initializer = view.initializers.get(name);
  if (initializer !== undefined) return { tensor: initializer, node: undefined };
  const node = producerOf(view, name);
  const tensor = node?.opType === 'Constant' ? node.attribute.get('value')?.t : undefined;
  return tensor === undefined ? undefined : { tensor, node };
}
