import type { BlockDefinition } from '../blocks/block.ts';
import type { InjectionRecord, RecordedSite } from '../splice/index.ts';
import { isNeutral } from './block-runs.ts';
import { instrument, type Tap } from './instrument.ts';
import { patchedModel } from './lean.ts';
import { sameBits } from './oracle.ts';
import type { ModelPair, OpenSession } from './request.ts';
import { letGo, type RuntimeTensor, type RuntimeTensors, type Session } from './runtime.ts';
import { type BlockWeights, readWeights, trainableWeights, twinWeights, weightFeed } from './weights.ts';

/** A block that is laid open, with its two sets of weights. */
export interface OpenBlock {
  readonly tap: Tap;
  readonly fileWeights: BlockWeights;
  readonly twinWeights: BlockWeights;
  /** Whether the file's weights are those that change nothing. */
  readonly neutral: boolean;
  /** Both sets as they are fed. */
  readonly fileFeeds: RuntimeTensors;
  readonly twinFeeds: RuntimeTensors;
}

/** Which blocks run with seeded weights; the others run with the file's. */
export type RandomBlocks = (block: OpenBlock) => boolean;

/** A loaded model whose block weights are inputs and whose taps are outputs. */
export interface LaidOpen {
  readonly session: Session;
  /** The definition of all its blocks. */
  readonly block: BlockDefinition;
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
  record: InjectionRecord,
  block: BlockDefinition,
): Promise<LaidOpen> {
  const { edits, taps } = instrument(pair.after, record, block);
  const source = await patchedModel(pair.after, edits, {
    externalData: pair.externalData,
    file: pair.files?.after,
  });
  // The weights are made while the model loads, where the runtime has threads of its own.
  const [opened, made] = await Promise.allSettled([
    open(source, 'disabled', { profile: true }),
    openBlocks(pair, taps, block),
  ]);
  if (made.status === 'rejected') {
    if (opened.status === 'fulfilled') await letGo(opened.value);
    throw made.reason;
  }
  if (opened.status === 'rejected') throw opened.reason;
  const session = opened.value;
  const blocks = made.value;
  return {
    session,
    block,
    blocks,
    neutral: blocks.every(({ neutral }) => neutral),
    run(feeds, random, fetches) {
      const all = new Map(feeds);
      for (const one of blocks) {
        for (const [name, tensor] of random(one) ? one.twinFeeds : one.fileFeeds) all.set(name, tensor);
      }
      return session.run(all, fetches);
    },
  };
}

async function openBlocks(
  pair: ModelPair,
  taps: readonly Tap[],
  block: BlockDefinition,
): Promise<readonly OpenBlock[]> {
  const blocks: OpenBlock[] = [];
  for (const tap of taps) {
    const fileWeights = await readWeights(pair.after, block, tap.recorded, pair.folder);
    const twin = twinWeights(block, tap.recorded);
    blocks.push({
      tap,
      fileWeights,
      twinWeights: twin,
      neutral: isNeutral(block, tap.recorded, fileWeights),
      fileFeeds: weightFeeds(block, tap.recorded, fileWeights),
      twinFeeds: weightFeeds(block, tap.recorded, twin),
    });
  }
  return blocks;
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

function weightFeeds(block: BlockDefinition, recorded: RecordedSite, weights: BlockWeights): RuntimeTensors {
  const feeds = new Map<string, RuntimeTensor>();
  for (const { name, dims, dataType } of trainableWeights(block, recorded)) {
    const numbers = weights.get(name) ?? new Float64Array(0);
    const feed = weightFeed(numbers, dims, dataType ?? recorded.site.dataType);
    if (feed !== undefined) feeds.set(recorded.names[name] ?? name, feed);
  }
  return feeds;
}
