import { fillOptions } from '../blocks/options.ts';
import { blockNamed } from '../blocks/registry.ts';
import type { ReportParts, ReportTimings } from '../report/report.ts';
import { findSites } from '../sites/index.ts';
import { type InjectionPlan, type OpenModel, openModel, planInjection } from '../splice/index.ts';
import type { LookOptions } from './inject-options.ts';
import type { CliInput } from './open-input.ts';

/** A model that was looked at: where blocks go and what they cost, before anything is done. */
export interface Looked {
  readonly model: OpenModel;
  readonly plan: InjectionPlan;
  /** What a report says of it so far. */
  readonly parts: Omit<ReportParts, 'verification' | 'output' | 'timings'> & {
    readonly timings: ReportTimings;
  };
}

/** Opens a model, finds its sites and plans the injection. */
export async function lookAt(input: CliInput, options: LookOptions): Promise<Looked> {
  const clock = stopwatch();
  const model = await openModel(input.source);
  const scanMs = clock();
  const sites = findSites(model.view, model.types, { kinds: options.kinds });
  const sitesMs = clock();
  const plan = await planInjection(model, sites, options);
  const spliceMs = clock();
  const { blockOptions, block, init, seed, include, exclude, kinds, stages, skipLastStage } = options;
  const maxAddedParams = options.maxAddedParams ?? null;
  const filled = fillOptions(typeof block === 'string' ? blockNamed(block) : block, blockOptions);
  return {
    model,
    plan,
    parts: {
      input: { path: input.path, model },
      sites,
      plan,
      options: {
        block: plan.block,
        init,
        seed,
        include,
        exclude,
        kinds,
        placement: plan.placement,
        stages: stages.map(String),
        skipLastStage,
        maxAddedParams,
        ...filled,
      },
      timings: { scanMs, sitesMs, spliceMs, writeMs: 0, syncMs: 0, verifyMs: 0 },
    },
  };
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
