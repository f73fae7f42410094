import type { Site } from '../../src/sites/site.ts';
import { applyPlan, type Injection } from '../../src/splice/apply.ts';
import { type OpenModel, openModel } from '../../src/splice/model.ts';
import {
  type InjectionPlan,
  type InjectOptions,
  planInjection,
  planSite,
  resolveBlock,
} from '../../src/splice/plan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { type HandSite, handReport, handSite } from './hand-site.ts';

/** An injection at sites that a test made itself. */
export interface Injected {
  readonly original: OpenModel;
  readonly plan: InjectionPlan;
  readonly injection: Injection;
  /** The rewritten file. */
  readonly bytes: Uint8Array;
}

/** Injects blocks where a test says. */
export async function injectTaps(
  model: OpenModel | Uint8Array,
  taps: readonly HandSite[],
  options: InjectOptions = {},
): Promise<Injected> {
  const original = model instanceof Uint8Array ? await openBytes(model) : model;
  const sites = taps.map((tap) => handSite(original, tap));
  const plan = await planHere(original, sites, options);
  const injection = await applyPlan(original, plan);
  return { original, plan, injection, bytes: await patchedBytes(injection.patch) };
}

/** Plans blocks at just these sites: the tool's own plan leaves places alone that hold a block already. */
export async function planHere(
  original: OpenModel,
  sites: readonly Site[],
  options: InjectOptions,
): Promise<InjectionPlan> {
  const found = await planInjection(original, handReport(sites), options);
  // A plan of the search leaves places alone that hold a block; what a test says is done.
  const held = found.leftOut.filter(({ reason }) => reason === 'already-there').map(({ id }) => id);
  const block = resolveBlock(options.block ?? 'se');
  const more = sites
    .filter(({ id }) => held.includes(id))
    .map((site) => planSite(original, site, block, options.blockOptions ?? {}, found.init));
  return { ...found, sites: [...found.sites, ...more] };
}

/** Opens a model in memory. */
export async function openBytes(bytes: Uint8Array): Promise<OpenModel> {
  return openModel(memorySource(bytes));
}
