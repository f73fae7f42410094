import { inferTypes } from '../graph/infer.ts';
import { countMacs } from '../graph/macs.ts';
import { DataType } from '../onnx/data-type.ts';
import type { ValueInfoProto } from '../onnx/model-file.ts';
import type { OpenModel } from '../splice/index.ts';
import { type BlockRuns, recompute, type WhichWeights } from './block-runs.ts';
import type { InputRegime } from './inputs.ts';
import { type LaidOpen, type OpenBlock, sameOutputs } from './laid-open.ts';
import { type OracleResult, sameBits } from './oracle.ts';
import type { Prepared } from './prepared.ts';
import type { ModelPair, OpenSession } from './request.ts';
import { letGo, type RuntimeTensors, type Session, type SessionProfile } from './runtime.ts';
import { type Attempt, attempt, closeProfiled, type FirstRun, runOnce, runProfiled } from './sessions.ts';
import { tappedModel } from './taps.ts';

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
  /** Which provider ran what: told when the session is closed, which is under way. */
  readonly closing: Promise<Attempt<SessionProfile>>;
}

/** One regime of inputs: the original's outputs, and those of the rewritten model with the file's weights. */
interface RegimeRun {
  readonly regime: InputRegime;
  readonly feeds: RuntimeTensors;
  readonly before: RuntimeTensors;
  readonly file: RuntimeTensors;
}

/** How the rewritten model is to be run. */
interface HowToRun {
  readonly isCpu: boolean;
  /** Whether its only injection is the one that is looked at. */
  readonly isAll: boolean;
  /** Called whenever a run of it has begun. */
  readonly meanwhile: () => void;
}

/**
 * Multiply-accumulates that telling sites apart may take on a CPU, one run each: a count and no time, so that no verdict
 * depends on how fast the machine is. Where that is not enough for all of them, and on GPUs, which may be made of
 * software, they are told by the run in which all gates are random; a site whose own features did not react to that has
 * a run of its own whatever it takes.
 */
const APART_MACS = 8e9;

/**
 * Runs the rewritten model laid open: with the file's weights, with seeded ones, and with the seeded ones of one site
 * at a time. Inputs of another range are tried where the outputs do not react to random gates.
 */
export async function runRewritten(
  open: OpenSession,
  pair: ModelPair,
  laying: Prepared<LaidOpen> | undefined,
  original: Session,
  first: FirstRun,
  { isCpu, isAll, meanwhile }: HowToRun,
): Promise<RewrittenRun> {
  if (laying === undefined) return runPlain(open, pair, first, meanwhile);
  const laidOpen = await laying.take();
  const names = [...first.outputs.keys()];
  // Blocks that have no weights cannot be given others: the outputs depend on them if they changed the outputs.
  const weightless = laidOpen.blocks.every(({ twinWeights }) => twinWeights.size === 0);
  const inRegime = async (regime: InputRegime): Promise<RegimeRun> => {
    const isFirst = regime === first.regime;
    const feeds = isFirst ? first.feeds : first.makeFeeds(regime);
    const before = isFirst ? first.outputs : await original.run(feeds);
    const running = laidOpen.run(feeds, () => false);
    meanwhile();
    return { regime, feeds, before, file: await running };
  };
  try {
    const tried: RegimeRun[] = [];
    let twin: RuntimeTensors = new Map();
    let reacts = false;
    let ofFile: Recomputed = [];
    for (const regime of first.regimes) {
      const run = await inRegime(regime);
      tried.push(run);
      const running = laidOpen.run(run.feeds, () => true);
      // Meanwhile, where the runtime has a thread of its own.
      ofFile = recomputeAll(laidOpen, 'file', run.file);
      twin = await running;
      reacts = !sameOutputs(names, weightless ? run.before : run.file, twin);
      if (reacts) break;
    }
    const { regime, feeds, before, file } = tried.at(-1) as RegimeRun;
    const telling = reacts && !weightless && laidOpen.blocks.length > 1;
    const isCheap =
      telling && isCpu && macsOnFeeds(pair.before, feeds) * laidOpen.blocks.length <= APART_MACS;
    const others = first.regimes.filter((other) => other !== regime);
    const runs: BlockRuns[] = [];
    let found: Recomputed | undefined;
    const ofTwin = (): Recomputed => (found ??= recomputeAll(laidOpen, 'twin', twin));
    for (const [at, one] of laidOpen.blocks.entries()) {
      let sensitive = reacts;
      if (telling && (isCheap || isUnmoved(one, twin))) {
        const alone = reactsAlone(laidOpen, one, names, { feeds, file }, others, inRegime);
        ofTwin();
        sensitive = await alone;
      }
      const recomputed = {
        file: ofFile[at],
        // Where no run was to be waited for, beside the runs that come next.
        get twin() {
          return ofTwin()[at];
        },
      };
      runs.push({ ...one, file, twin, sensitive, recomputed });
    }
    // What an earlier injection has made, the original does not have to be tapped at.
    const rounded = isAll && hasFloat16(pair.before) ? await runTapped(open, pair, laidOpen, feeds) : before;
    const closing = attempt(async () => (await closeProfiled(laidOpen.session)) ?? { nodes: [] });
    return { feeds, regime, before: rounded, after: file, runs, neutral: laidOpen.neutral, closing };
  } catch (error) {
    await letGo(laidOpen.session);
    throw error;
  }
}

/** The multiply-accumulates of one run, without end where they cannot be told. */
function macsOnFeeds({ view }: OpenModel, feeds: RuntimeTensors): number {
  const inputs = new Map<string, ValueInfoProto>();
  for (const [name, input] of view.inputs) {
    const shape = feeds.get(name)?.dims ?? input.type.shape;
    inputs.set(name, { ...input, type: { ...input.type, shape } });
  }
  const fed = { ...view, inputs };
  return countMacs(fed, inferTypes(fed)) ?? Number.POSITIVE_INFINITY;
}

/** The blocks of one run, recomputed in float64. */
type Recomputed = readonly (OracleResult | undefined)[];

function recomputeAll({ block, blocks }: LaidOpen, which: WhichWeights, values: RuntimeTensors): Recomputed {
  return blocks.map((one) => recompute(block, one, which, values));
}

/** Whether random gates left a site's own features as they were: then nothing behind it can depend on them either. */
function isUnmoved({ tap }: OpenBlock, twin: RuntimeTensors): boolean {
  const [tapped, scaled] = [twin.get(tap.tapped), twin.get(tap.scaled)];
  return tapped !== undefined && scaled !== undefined && sameBits(tapped, scaled, false);
}

/** Whether random gates at one site alone change the outputs, on these inputs or on those of another range. */
async function reactsAlone(
  laidOpen: LaidOpen,
  one: OpenBlock,
  names: readonly string[],
  run: Pick<RegimeRun, 'feeds' | 'file'>,
  others: readonly InputRegime[],
  inRegime: (regime: InputRegime) => Promise<RegimeRun>,
): Promise<boolean> {
  const reacts = async ({ feeds, file }: Pick<RegimeRun, 'feeds' | 'file'>): Promise<boolean> =>
    !sameOutputs(names, file, await laidOpen.run(feeds, (block) => block === one, names));
  if (await reacts(run)) return true;
  for (const regime of others) if (await reacts(await inRegime(regime))) return true;
  return false;
}

/**
 * The original with the same taps. Float16 on a CPU is computed in float32 and rounded where a value leaves the model or
 * is cast, so that only models whose tapped values are read out alike can be compared bit for bit.
 */
async function runTapped(
  open: OpenSession,
  pair: ModelPair,
  { blocks }: LaidOpen,
  feeds: RuntimeTensors,
): Promise<RuntimeTensors> {
  const source = await tappedModel(
    pair.before,
    blocks.map(({ tap }) => tap.recorded.value),
    { externalData: pair.externalData, file: pair.files?.before },
  );
  const outputs = await runOnce(await open(source, 'disabled'), feeds);
  const own = new Set(pair.before.view.outputs.keys());
  return new Map([...outputs].filter(([name]) => own.has(name)));
}

/** A model without a record: nothing to lay open. */
async function runPlain(
  open: OpenSession,
  pair: ModelPair,
  first: FirstRun,
  meanwhile: () => void,
): Promise<RewrittenRun> {
  const session = await open(pair.afterSource, 'disabled', { profile: true });
  const running = runProfiled(session, first.feeds);
  meanwhile();
  const { outputs, profile = { nodes: [] } } = await running;
  const [regime] = first.regimes as readonly [InputRegime];
  return {
    feeds: first.feeds,
    regime,
    before: first.outputs,
    after: outputs,
    runs: [],
    neutral: false,
    closing: Promise.resolve({ ok: true, value: profile }),
  };
}

function hasFloat16(model: OpenModel): boolean {
  return [...model.types.values()].some(({ dataType }) => dataType === DataType.FLOAT16);
}
