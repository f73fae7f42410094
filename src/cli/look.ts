import type { BlockDefinition } from '../blocks/block.ts';
import { fillOptions } from '../blocks/options.ts';
import { blockNamed } from '../blocks/registry.ts';
import type { ReportParts, ReportTimings } from '../report/report.ts';
import { findSites, type Site } from '../sites/index.ts';
import {
  type InjectionPlan,
  LOADED,
  type OpenModel,
  openModel,
  planInjection,
  readPlan,
} from '../splice/index.ts';
import type { LookOptions } from './inject-options.ts';
import type { CliInput } from './open-input.ts';

/** A model that was looked at: where blocks go and what they cost, before anything is done. */
export interface Looked {
  readonly model: OpenModel;
  readonly plan: InjectionPlan;
  /** The block of the plan. */
  readonly block: BlockDefinition;
  /** What a report says of it so far. */
  readonly parts: Omit<ReportParts, 'verification' | 'output' | 'timings'> & {
    readonly timings: ReportTimings;
  };
}

/** A plan that was saved. */
export interface SavedPlan {
  readonly path: string;
  readonly text: string;
}

/** Opens a model, finds its sites and plans the injection, or reads the plan that was saved. */
export async function lookAt(
  input: CliInput,
  options: LookOptions,
  saved: SavedPlan | undefined = undefined,
): Promise<Looked> {
  const clock = stopwatch();
  const model = await openModel(input.source);
  const scanMs = clock();
  const sites = findSites(model.view, model.types, { kinds: options.kinds });
  const sitesMs = clock();
  const planned =
    saved === undefined
      ? await planInjection(model, sites, options)
      : withUnplanned(await readPlan(model, saved.text, [options.block]), sites.sites);
  const plan = options.weights === undefined ? planned : { ...planned, init: LOADED };
  const spliceMs = clock();
  const { blockOptions, block, include, exclude, kinds, stages, skipLastStage } = options;
  const maxAddedParams = options.maxAddedParams ?? null;
  const filled = fillOptions(block, blockOptions);
  return {
    model,
    plan,
    block: plan.block === block.name ? block : blockNamed(plan.block),
    parts: {
      input: { path: input.path, model },
      sites,
      plan,
      options: {
        block: plan.block,
        init: plan.init,
        seed: plan.seed,
        plan: saved?.path ?? null,
        include,
        exclude,
        kinds,
        placement: plan.placement,
        stages: stages.map(String),
        skipLastStage,
        maxAddedParams,
        // Those of a saved plan are decided site by site.
        ...(saved === undefined ? filled : {}),
      },
      timings: { scanMs, sitesMs, spliceMs, writeMs: 0, syncMs: 0, verifyMs: 0 },
    },
  };
}

/** Sites that are not in a saved plan are left out by it. */
function withUnplanned(plan: InjectionPlan, sites: readonly Site[]): InjectionPlan {
  const known = new Set([...plan.sites.map(({ site }) => site.id), ...plan.leftOut.map(({ id }) => id)]);
  const rest = sites
    .filter(({ id }) => !known.has(id))
    .map(({ id, value }) => ({ id, value, reason: 'not-in-plan' as const, detail: 'is not in the plan' }));
  return { ...plan, leftOut: [...plan.leftOut, ...rest] };
}

/** Gives the milliseconds since it was made, or since it was last asked. */
export function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const elapsed = now - last;
    last = now;
    return elapsed;
  };
}
