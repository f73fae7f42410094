import type { BlockDefinition } from '../blocks/block.ts';
import { patchedBytes } from '../wire/patch.ts';
import { isNeutral } from './block-runs.ts';
import { instrument, type Tap } from './instrument.ts';
import { sameBits } from './oracle.ts';
import type { ModelPair, OpenSession, ProviderRequest } from './request.ts';
import type { RuntimeTensor, RuntimeTensors, Session } from './runtime.ts';
import { type BlockWeights, readWeights, trainableWeights, twinWeights, weightFeed } from './weights.ts';

/** A block that is laid open, with its two sets of weights. */
export interface OpenBlock {
  readonly tap: Tap;
  readonly fileWeights: BlockWeights;
  readonly twinWeights: BlockWeights;
}

/** Which blocks run with seeded weights; the others run with the file's. */
export type RandomBlocks = (block: OpenBlock) => boolean;

/** A loaded model whose block weights are inputs and whose taps are outputs. */
export interface LaidOpen {
  readonly session: Session;
  readonly blocks: readonly OpenBlock[];
  /** Whether every block has weights in the file that change nothing. */
  readonly neutral: boolean;
  /** Runs the model on its own inputs, with seeded weights where `random` says so. */
  run(feeds: RuntimeTensors, random: RandomBlocks, fetches?: readonly string[]): Promise<RuntimeTensors>;
}

/** Loads the rewritten model laid open, graph optimizations off. */
export async function layOpen(
  open: OpenSession,
  pair: ModelPair,
  { record }: Pick<ProviderRequest, 'record'>,
  block: BlockDefinition,
): Promise<LaidOpen> {
  if (record === undefined) throw new RangeError('only a recorded injection can be laid open');
  const { patch, taps } = instrument(pair.after, record, block);
  const blocks: OpenBlock[] = [];
  for (const tap of taps) {
    const fileWeights = await readWeights(pair.after, block, tap.recorded, pair.folder);
    blocks.push({ tap, fileWeights, twinWeights: twinWeights(block, tap.recorded) });
  }
  const bytes = await patchedBytes(patch);
  const session = await open({ bytes, externalData: pair.externalData }, 'disabled', { profile: true });
  return {
    session,
    blocks,
    neutral: blocks.every(({ tap, fileWeights }) => isNeutral(block, tap.recorded, fileWeights)),
    run(feeds, random, fetches) {
      const all = new Map(feeds);
      for (const one of blocks) {
        for (const [name, tensor] of weightFeeds(block, one, random(one))) all.set(name, tensor);
      }
      return session.run(all, fetches);
    },
  };
}

/** Whether two runs gave the same bits for the named outputs. */
export function sameOutputs(names: readonly string[], a: RuntimeTensors, b: RuntimeTensors): boolean {
  return names.every((name) => {
    const left = a.get(name);
    const right = b.get(name);
    if (left === undefined || right === undefined) return true;
    if (left.dataType === 'string' || right.dataType === 'string')
      return String(left.data) === String(right.data);
    return sameBits(left, right, false);
  });
}

function* weightFeeds(
  block: BlockDefinition,
  { tap, fileWeights, twinWeights: twin }: OpenBlock,
  random: boolean,
): Generator<[name: string, tensor: RuntimeTensor]> {
  const { recorded } = tap;
  for (const { name, dims, dataType } of trainableWeights(block, recorded)) {
    const numbers = (random ? twin : fileWeights).get(name) ?? new Float64Array(0);
    const feed = weightFeed(numbers, dims, dataType ?? recorded.site.dataType);
    if (feed !== undefined) yield [recorded.names[name] ?? name, feed];
  }
}
