import { findSites } from '../sites/find-sites.ts';
import type { SiteReport } from '../sites/site.ts';
import type { ByteSource } from '../wire/byte-source.ts';
import { applyPlan, type Injection } from './apply.ts';
import { type OpenModel, openModel } from './model.ts';
import { type InjectionPlan, type InjectOptions, planInjection, resolveBlock } from './plan.ts';

/** A model before and after, and the way between. */
export interface Rewritten extends Injection {
  /** The model as it was given. */
  readonly original: OpenModel;
  /** What was found in it. */
  readonly report: SiteReport;
  /** What was done about it. */
  readonly plan: InjectionPlan;
}

/**
 * Injects blocks into a model in one call: open, find, plan, apply.
 *
 * The defaults are the paper's: an SE block at the end of every residual branch, and behind the depthwise convolution
 * of every inverted residual, with a neutral start. Throws what the steps throw.
 *
 * @example
 * ```ts
 * const { patch, plan } = await rewrite(memorySource(bytes), { blockOptions: { reductionRatio: 8 } });
 * plan.sites.length; // → 16
 * const rewritten = await patchedBytes(patch);
 * ```
 */
export async function rewrite(source: ByteSource, options: InjectOptions = {}): Promise<Rewritten> {
  const original = await openModel(source);
  const report = findSites(original.view, original.types);
  const plan = await planInjection(original, report, options);
  const block = resolveBlock(options.block ?? plan.block);
  const injection = await applyPlan(original, plan, block, options.weights);
  return { ...injection, original, report, plan };
}
