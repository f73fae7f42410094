import { DataType } from '../onnx/data-type.ts';
import type { OpenModel } from '../splice/index.ts';
import { patchedBytes } from '../wire/patch.ts';
import { type BlockRuns, isNeutral } from './block-runs.ts';
import type { InputRegime } from './inputs.ts';
import { instrument, type Tap } from './instrument.ts';
import { sameBits } from './oracle.ts';
import type { ModelPair, OpenSession, ProviderRequest } from './request.ts';
import type { RuntimeTensors, Session, SessionProfile } from './runtime.ts';
import { type FirstRun, runOnce } from './sessions.ts';
import { type BlockWeights, readWeights, trainableWeights, twinWeights, weightFeed } from './weights.ts';

/** What the rewritten model gave, with its blocks laid open. */
export interface RewrittenRun {
  readonly feeds: RuntimeTensors;
  readonly regime: InputRegime;
  /** The outputs of the original and of the rewritten model, optimizations off. */
  readonly before: RuntimeTensors;
  readonly after: RuntimeTensors;
  readonly runs: readonly BlockRuns[];
  /** Whether every block has weights that change nothing. */
  readonly neutral: boolean;
  readonly profile: SessionProfile;
}

/** A block that is laid open, with its two sets of weights. */
interface Opened {
  readonly tap: Tap;
  readonly fileWeights: BlockWeights;
  readonly twinWeights: BlockWeights;
}

/**
 * Time that telling sites apart may take, one run each: a second, or an eighth of what the runs before took. Sites
 * that are not reached are told by the run in which all gates are random.
 */
const APART_MS = 1000;
const APART_SHARE = 1 / 8;

/**
 * Runs the rewritten model laid open: with the file's weights, with seeded ones, and with the seeded ones of one site
 * at a time. Inputs of another range are tried where the outputs do not react to random gates.
 */
export async function runRewritten(
  open: OpenSession,
  pair: ModelPair,
  request: ProviderRequest,
  original: Session,
  first: FirstRun,
): Promise<RewrittenRun> {
  const started = performance.now();
  const { record, block } = request;
  if (record === undefined || block === undefined) return runPlain(open, pair, first);
  const { patch, taps } = instrument(pair.after, record, block);
  const opened: Opened[] = [];
  for (const tap of taps) {
    const fileWeights = await readWeights(pair.after, block, tap.recorded, pair.folder);
    opened.push({ tap, fileWeights, twinWeights: twinWeights(block, tap.recorded) });
  }
  const neutral = opened.every(({ tap, fileWeights }) => isNeutral(block, tap.recorded, fileWeights));
  const feedsOf = (random: (site: Opened) => boolean, feeds: RuntimeTensors): RuntimeTensors => {
    const all = new Map(feeds);
    for (const site of opened) {
      const weights = random(site) ? site.twinWeights : site.fileWeights;
      for (const { name, dims } of trainableWeights(block, site.tap.recorded)) {
        const feed = weightFeed(
          weights.get(name) ?? new Float64Array(0),
          dims,
          site.tap.recorded.site.dataType,
        );
        if (feed !== undefined) all.set(site.tap.recorded.names[name] ?? name, feed);
      }
    }
    return all;
  };
  const bytes = await patchedBytes(patch);
  const session = await open({ bytes, externalData: pair.externalData }, 'disabled', { profile: true });
  const names = [...first.outputs.keys()];
  try {
    for (const [index, regime] of first.regimes.entries()) {
      const feeds = index === 0 ? first.feeds : first.makeFeeds(regime);
      const before = index === 0 ? first.outputs : await original.run(feeds);
      const file = await session.run(feedsOf(() => false, feeds));
      const twin = await session.run(feedsOf(() => true, feeds));
      const reacts = !sameOutputs(names, file, twin);
      if (!reacts && index < first.regimes.length - 1) continue;
      const deadline = performance.now() + Math.max(APART_MS, (performance.now() - started) * APART_SHARE);
      const runs: BlockRuns[] = [];
      for (const site of opened) {
        let sensitive = reacts;
        if (reacts && opened.length > 1 && performance.now() < deadline) {
          const alone = await session.run(
            feedsOf((other) => other === site, feeds),
            names,
          );
          sensitive = !sameOutputs(names, file, alone);
        }
        runs.push({ ...site, file, twin, sensitive });
      }
      // Float16 on a CPU is rounded where a value leaves the model, so only the same outputs can be compared.
      const after = hasFloat16(pair.after)
        ? await runOnce(await open(pair.afterSource, 'disabled'), feeds)
        : file;
      const profile = (await session.close()) ?? { nodes: [] };
      return { feeds, regime, before, after, runs, neutral, profile };
    }
  } finally {
    await session.close();
  }
  throw new RangeError('there is always a regime of inputs');
}

/** A model without a record: nothing to lay open. */
async function runPlain(open: OpenSession, pair: ModelPair, first: FirstRun): Promise<RewrittenRun> {
  const session = await open(pair.afterSource, 'disabled', { profile: true });
  const after = await session.run(first.feeds);
  const profile = (await session.close()) ?? { nodes: [] };
  const [regime] = first.regimes as readonly [InputRegime];
  return { feeds: first.feeds, regime, before: first.outputs, after, runs: [], neutral: false, profile };
}

function sameOutputs(names: readonly string[], a: RuntimeTensors, b: RuntimeTensors): boolean {
  return names.every((name) => {
    const left = a.get(name);
    const right = b.get(name);
    if (left === undefined || right === undefined) return true;
    if (left.dataType === 'string' || right.dataType === 'string')
      return String(left.data) === String(right.data);
    return sameBits(left, right, false);
  });
}

function hasFloat16(model: OpenModel): boolean {
  return [...model.types.values()].some(({ dataType }) => dataType === DataType.FLOAT16);
}
