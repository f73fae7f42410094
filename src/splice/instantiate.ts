import { BLOCK_INPUT, type BlockDefinition } from '../blocks/block.ts';
import { drawWeight } from '../blocks/initializers.ts';
import type { NameScope } from '../graph/names.ts';
import type { NewNode, NewTensor } from '../onnx/encode.ts';
import { displayText } from '../wire/utf8.ts';
import type { StoredWeights } from './given-weights.ts';
import type { RecordedSite } from './record.ts';
import { nodesAtSite } from './site-nodes.ts';

/** A block at its place in a model: its nodes and tensors under the names that they have there. */
export interface BlockInstance {
  readonly nodes: readonly NewNode[];
  readonly tensors: readonly NewTensor[];
  /** Names in the model by the names within the block, weights and nodes alike. */
  readonly names: ReadonlyMap<string, string>;
  /** The value that the readers get: the scaled features. */
  readonly scaled: string;
}

/** What a block is instantiated with. */
export interface BlockInstanceRequest extends Pick<RecordedSite, 'site' | 'options' | 'quantization'> {
  readonly block: BlockDefinition;
  /** The value that is squeezed and scaled. */
  readonly input: string;
  readonly init: string;
  readonly seed: number;
  /** What the random streams are named after: the site's id. */
  readonly label: string;
  /** Weights that were given, by their names within the block: no recipe is asked for these. */
  readonly given?: StoredWeights | undefined;
  /** Gives a name in the model to a name within the block. */
  readonly nameOf: (local: string) => string;
}

/** Builds a block for one site and puts the model's names to it. */
export function instantiateBlock(request: BlockInstanceRequest): BlockInstance {
  const { block, site, options, input, init, seed, label, given } = request;
  const names = new Map<string, string>();
  const weights = block.weights(site, options);
  const { nodes, outer } = nodesAtSite(block, request);
  for (const { name } of [...weights, ...nodes]) names.set(name, request.nameOf(name));
  const value = (local: string): string =>
    local === BLOCK_INPUT ? input : (names.get(local) ?? outer.get(local) ?? local);
  const tensors = weights.map((weight) => ({
    name: value(weight.name),
    dims: weight.dims,
    dataType: weight.dataType ?? site.dataType,
    numbers: given?.get(weight.name) ?? drawWeight(block, options, weight, init, seed, label),
  }));
  return {
    nodes: nodes.map((node) => ({
      name: value(node.name),
      opType: node.opType,
      ...(node.domain === undefined ? {} : { domain: node.domain }),
      input: node.inputs.map(value),
      output: [value(node.name)],
      attributes: node.attributes ?? {},
    })),
    tensors,
    names,
    scaled: value(nodes.at(-1)?.name ?? BLOCK_INPUT),
  };
}

/** Gives readable names to a block's parts, with `_1` behind them only where they are taken. */
export function blockNames(scope: NameScope, block: string, tapped: string): (local: string) => string {
  return (local) => scope.claim(blockName(tapped, block, local));
}

/** The name that a part of a block has where it is free: `<tapped value>/se/squeeze`. */
export function blockName(tapped: string, block: string, local: string): string {
  return `${displayText(tapped)}/${block}/${local}`;
}
