import type { BlockDefinition, BlockSite, OptionValue, ResolvedOptions } from '../blocks/block.ts';
import { checkInit, NEUTRAL } from '../blocks/initializers.ts';
import { fillOptions, invalid } from '../blocks/options.ts';
import { blockNamed } from '../blocks/registry.ts';
import { countParameters } from '../graph/parameters.ts';
import { DataType } from '../onnx/data-type.ts';
import { PLACEMENTS, type Placement } from '../sites/placements.ts';
import type { Site, SiteReport } from '../sites/site.ts';
import { keepWithin, toBudget } from './budget.ts';
import { chooseSites } from './choose.ts';
import { structureDigest } from './digest.ts';
import { type GivenWeights, LOADED } from './given-weights.ts';
import type { LeftOutSite, PresentBlock } from './left-out.ts';
import type { OpenModel } from './model.ts';
import { TOOL, type ToolVersion } from './version.ts';

/** What to inject, and where. */
export interface InjectOptions {
  /** Name of a built-in block, or a block of your own. */
  readonly block?: string | BlockDefinition;
  /** Options of the block, by name; what is not set has its default. */
  readonly blockOptions?: Readonly<Record<string, OptionValue | undefined>>;
  /** How the weights start: `neutral` (the model computes what it did), or one of the random recipes. */
  readonly init?: string;
  /** Seed of the random weights, a whole number. */
  readonly seed?: number;
  /** Sites to take, by id or by a pattern (`*`, `?`) over ids and tapped values; all where empty. */
  readonly include?: readonly string[];
  /** Sites to leave out, likewise. */
  readonly exclude?: readonly string[];
  /** Where in its block a site is tapped. */
  readonly placement?: Placement;
  /** Stages to take, as numbers and ranges (`'2-4'`); all where empty. */
  readonly stages?: readonly (number | string)[];
  /** Leaves the last stage out: by the paper 4 % more parameters instead of 10 % in a ResNet-50, at < 0.1 % top-5. */
  readonly skipLastStage?: boolean;
  /** The parameters that may be added at most: a number, or a share of the model's own (`'4%'`). */
  readonly maxAddedParams?: number | string | undefined;
  /** Weights from elsewhere instead of an initialization; `init` is `loaded` then, and the gate the paper's sigmoid. */
  readonly weights?: GivenWeights | undefined;
}

/** The defaults of {@link InjectOptions}. */
export const INJECT_DEFAULTS: Required<InjectOptions> = {
  block: 'se',
  blockOptions: {},
  init: NEUTRAL,
  seed: 0,
  include: [],
  exclude: [],
  placement: 'standard',
  stages: [],
  skipLastStage: false,
  maxAddedParams: undefined,
  weights: undefined,
};

/** Version of the form of {@link InjectionPlan}. */
export const PLAN_VERSION = 1;

/** What will be done at one site. */
export interface PlannedSite {
  /** The site as it was found. */
  readonly site: Site;
  /** The block's options with every value decided. */
  readonly options: ResolvedOptions;
  /** Weights and biases that the block adds. */
  readonly addedParameters: number;
  /** Multiply-accumulates that it adds for one sample; nothing where the spatial sizes are not known. */
  readonly addedMacs: number | null;
}

/** What tells a model from others. */
export interface PlannedModel {
  /** Size of the file. */
  readonly bytes: number;
  /** SHA-256 of the file without its weights, in hex. */
  readonly digest: string;
}

/** An edit before it is made: plain JSON that can be saved, read, edited and replayed on the same model. */
export interface InjectionPlan {
  /** Version of this form. */
  readonly planVersion: 1;
  /** Who made the plan. */
  readonly tool: ToolVersion;
  /** The model that the plan was made for. */
  readonly model: PlannedModel;
  /** Name of the block. */
  readonly block: string;
  /** Version of its definition. */
  readonly blockVersion: number;
  /** How the weights start. */
  readonly init: string;
  /** Seed of the random weights. */
  readonly seed: number;
  /** Where in their blocks the sites are tapped. */
  readonly placement: Placement;
  /** What is done where, in the order of the graph. */
  readonly sites: readonly PlannedSite[];
  /** The sites that get no block, and why. */
  readonly leftOut: readonly LeftOutSite[];
  /** Blocks that earlier injections have left at this placement: they stay as they are. */
  readonly present: readonly PresentBlock[];
}

/**
 * Plans an injection: which of the sites get a block, with which options, and what that adds.
 *
 * Nothing is changed yet. A site that gets no block is in `leftOut` with the reason. Throws `sites/unknown-site` for an `include`,
 * `exclude` or `stages` that matches nothing, and `blocks/...` errors for options and models that the block does not
 * work with.
 *
 * @example
 * ```ts
 * const plan = await planInjection(model, findSites(model.view, model.types), { seed: 1 });
 * plan.sites.map(({ site }) => site.id); // → ['2_1', '2_2', ...]
 * ```
 */
export async function planInjection(
  model: OpenModel,
  report: SiteReport,
  options: InjectOptions = {},
): Promise<InjectionPlan> {
  const chosen = { ...INJECT_DEFAULTS, ...options };
  const { seed, placement } = chosen;
  const init = initOf(options);
  const block = resolveBlock(options.block ?? INJECT_DEFAULTS.block);
  const given = options.blockOptions ?? {};
  if (!Number.isSafeInteger(seed)) throw invalid('seed', seed, 'use a whole number');
  if (!PLACEMENTS.includes(placement))
    throw invalid('placement', placement, `use one of ${PLACEMENTS.join(', ')}`);
  // Even where no site asks for them.
  fillOptions(block, given);
  const budget = toBudget(chosen.maxAddedParams, () => countParameters(model.view));
  const { sites, leftOut, present } = chooseSites(model, report.sites, chosen);
  const planned = sites.map((site) => planSite(model, site, block, given, init));
  const { kept, dropped } = keepWithin(planned, budget);
  return {
    planVersion: PLAN_VERSION,
    tool: TOOL,
    model: { bytes: model.file.source.size, digest: await structureDigest(model.file) },
    block: block.name,
    blockVersion: block.version,
    init,
    seed,
    placement,
    sites: kept,
    leftOut: [...leftOut, ...dropped],
    present,
  };
}

function initOf({ init, weights }: InjectOptions): string {
  if (weights === undefined) return init ?? INJECT_DEFAULTS.init;
  if (init === undefined || init === LOADED) return LOADED;
  throw invalid('init', init, 'weights are given: leave it out');
}

/** What is done at one site, and what it costs. */
export function planSite(
  { view }: OpenModel,
  site: Site,
  block: BlockDefinition,
  given: Readonly<Record<string, OptionValue | undefined>>,
  init: string,
): PlannedSite {
  const blockSite = toBlockSite(site, view.opset);
  const options = resolveOptions(block, given, blockSite, init);
  const { parameters, macs } = block.cost(blockSite, options);
  return { site, options, addedParameters: parameters, addedMacs: macs };
}

/**
 * The block's options with every value decided for one site, checked; what is decided already stays.
 *
 * Throws `blocks/...` errors for options, an initialization or a site that the block does not work with.
 */
export function resolveOptions(
  block: BlockDefinition,
  given: Readonly<Record<string, OptionValue | undefined>>,
  site: BlockSite,
  init: string,
): ResolvedOptions {
  const resolved = block.resolve(fillOptions(block, given), site, init);
  if (init !== LOADED) checkInit(block, resolved, init);
  return resolved;
}

/** What a block may know of a site. */
export function toBlockSite(site: Site, opset: number): BlockSite {
  const { kind, channels, channelAxis, rank, spatial, inputChannels, outputChannels } = site;
  // Between integers, blocks compute in the type of the scale, which is float32 there.
  const dataType = site.quantization?.tapped === 'integers' ? DataType.FLOAT : site.dataType;
  return { kind, channels, channelAxis, rank, dataType, opset, spatial, inputChannels, outputChannels };
}

/** A block by its name, or as it is. */
export function resolveBlock(block: string | BlockDefinition): BlockDefinition {
  return typeof block === 'string' ? blockNamed(block) : block;
}
