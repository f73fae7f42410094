import type { BlockDefinition } from '../blocks/block.ts';
import { SeInjectError } from '../errors.ts';
import type { Use } from '../graph/view.ts';
import { formatName } from '../onnx/format-name.ts';
import { PLACEMENTS } from '../sites/placements.ts';
import type { Site, SiteBlock } from '../sites/site.ts';
import { checkPlan } from './check-plan.ts';
import type { LeftOutSite, PresentBlock } from './left-out.ts';
import type { OpenModel } from './model.ts';
import { type InjectionPlan, type PlannedModel, type PlannedSite, planSite, resolveBlock } from './plan.ts';
import { QUANTIZATION } from './quantization-shape.ts';
import {
  firstMisfit,
  fits,
  isCount,
  isListOf,
  isMapOf,
  isOptionValue,
  isString,
  type Shape,
} from './shape.ts';
import type { ToolVersion } from './version.ts';

/** Characters that a saved plan may have: a site takes one or two thousand. */
const SIZE_LIMIT = 16 * 1024 * 1024;

/**
 * Reads a plan that was saved as JSON, and perhaps edited since, for the model that it is to be applied to.
 *
 * It is untrusted input. `blocks` are blocks of your own that it may be for. Options are decided and costs counted anew. Throws `splice/invalid-plan` for what is no plan,
 * `splice/stale-plan` for one that does not fit the model, and `blocks/...` errors for options that the block refuses.
 *
 * @example
 * ```ts
 * const text = JSON.stringify(await planInjection(model, findSites(model.view, model.types)));
 * const { patch } = await applyPlan(model, await readPlan(model, text));
 * ```
 */
export async function readPlan(
  model: OpenModel,
  text: string,
  blocks: readonly BlockDefinition[] = [],
): Promise<InjectionPlan> {
  const plan = parsePlan(text);
  const definition = blocks.find(({ name }) => name === plan.block) ?? resolveBlock(plan.block);
  await checkPlan(model, plan, definition);
  const sites = plan.sites.map(({ site, options }) => planSite(model, site, definition, options, plan.init));
  return { ...plan, sites };
}

function parsePlan(text: string): InjectionPlan {
  if (text.length > SIZE_LIMIT) throw invalidPlan(`it has ${text.length} characters`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalidPlan('it is no JSON', cause);
  }
  // A hand that edits a plan may leave out what does not matter to the edit.
  const filled: unknown = isMapOf(parsed, () => true)
    ? { placement: 'standard', leftOut: [], present: [], ...parsed }
    : parsed;
  const wrong = firstMisfit(filled, PLAN) ?? wrongSite(filled);
  if (wrong !== undefined) throw invalidPlan(wrong);
  return filled as InjectionPlan;
}

function wrongSite(plan: unknown): string | undefined {
  const { sites } = plan as InjectionPlan;
  for (const [index, planned] of sites.entries()) {
    const wrong = firstMisfit(planned, PLANNED) ?? firstMisfit(planned.site, SITE);
    if (wrong !== undefined) return `of site ${index + 1}, ${wrong}`;
  }
  return undefined;
}

function invalidPlan(why: string, cause?: unknown): SeInjectError {
  return new SeInjectError(
    'splice/invalid-plan',
    `the plan cannot be read: ${formatName(why)}; save it again with --save-plan`,
    { details: { why }, cause },
  );
}

const PLAN: Shape<InjectionPlan> = {
  // Another version is a plan, but not one for this tool: `checkPlan` says so.
  planVersion: isCount,
  tool: (value) => fits(value, TOOL_VERSION),
  model: (value) => fits(value, MODEL),
  block: isString,
  blockVersion: Number.isSafeInteger,
  init: isString,
  seed: Number.isSafeInteger,
  placement: (value) => PLACEMENTS.some((placement) => placement === value),
  sites: Array.isArray,
  leftOut: (value) => isListOf(value, (item) => fits(item, LEFT_OUT)),
  present: (value) => isListOf(value, (item) => fits(item, PRESENT)),
};

const TOOL_VERSION: Shape<ToolVersion> = { name: isString, version: isString };
const MODEL: Shape<PlannedModel> = { bytes: isCount, digest: isString };
const PRESENT: Shape<PresentBlock> = { id: isString, value: isString, block: isString };
const LEFT_OUT: Shape<LeftOutSite> = { id: isString, value: isString, reason: isString, detail: isString };

const PLANNED: Shape<PlannedSite> = {
  site: () => true,
  options: (value) => isMapOf(value, isOptionValue),
  addedParameters: Number.isFinite,
  addedMacs: (value) => value === null || Number.isFinite(value),
};

/** Sizes are bounded, since the block that is built must not exhaust the memory. */
const SITE: Shape<Site> = {
  id: (value) => isString(value) && value !== '',
  kind: isString,
  variant: isString,
  value: (value) => isString(value) && value !== '',
  uses: (value) => isListOf(value, isUse),
  channels: (value) => isCount(value) && value > 0 && value <= 65_536,
  channelAxis: (value) => isCount(value) && value > 0 && value <= 4,
  rank: (value) => isCount(value) && value >= 3 && value <= 5,
  dataType: isCount,
  stride: Number.isFinite,
  stage: Number.isSafeInteger,
  spatial: (value) => value === null || isListOf(value, isCount),
  node: isCount,
  nodes: (value) => isListOf(value, isCount),
  block: (value) => fits(value, SITE_BLOCK),
  inputChannels: (value) => value === undefined || isCount(value),
  outputChannels: (value) => value === undefined || isCount(value),
  quantization: (value) => value === undefined || fits(value, QUANTIZATION),
};

const SITE_BLOCK: Shape<SiteBlock> = {
  input: isString,
  output: isString,
  skip: (value) => value === undefined || isString(value),
};

type UseOf<K extends Use['kind']> = Extract<Use, { readonly kind: K }>;

const INPUT: Shape<UseOf<'input'>> = { kind: (kind) => kind === 'input', node: isCount, input: isCount };
const CAPTURE: Shape<UseOf<'capture'>> = { kind: (kind) => kind === 'capture', node: isCount };
const OUTPUT: Shape<UseOf<'output'>> = { kind: (kind) => kind === 'output', index: isCount };

function isUse(value: unknown): boolean {
  return fits(value, INPUT) || fits(value, CAPTURE) || fits(value, OUTPUT);
}
