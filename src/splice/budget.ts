import { invalid } from '../blocks/options.ts';
import type { Site } from '../sites/site.ts';
import type { LeftOutSite } from './left-out.ts';

/** A site with what its block costs. */
export interface Priced {
  readonly site: Pick<Site, 'id' | 'value' | 'stage'>;
  readonly addedParameters: number;
}

/**
 * The parameters that may be added at most: a number, or a share of the model's own as `4%`; nothing for no limit.
 *
 * Throws `blocks/invalid-option`.
 */
export function toBudget(given: number | string | undefined, countOwn: () => number): number | undefined {
  if (given === undefined) return undefined;
  const text = String(given).trim();
  const [, digits = '', percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  if (digits === '') {
    throw invalid(
      'maxAddedParams',
      given,
      'use a number of parameters, or a share of those of the model as "4%"',
    );
  }
  return percent === '%' ? Math.floor((countOwn() * Number(digits)) / 100) : Number(digits);
}

/**
 * Drops the sites that cost most for what the paper says they give, until the rest is within the budget: from the last
 * stage on down, in a stage the dearest first, and of those that cost the same the last in the graph.
 *
 * The paper's stages one by one (table 13, SE-ResNet-50) gain the less for their parameters the later they are, and all
 * of the last one is worth less than 0.1 % top-5 for most of the parameters (section 6.5).
 */
export function keepWithin<T extends Priced>(
  sites: readonly T[],
  budget: number | undefined,
): { readonly kept: readonly T[]; readonly dropped: readonly LeftOutSite[] } {
  let total = sites.reduce((sum, { addedParameters }) => sum + addedParameters, 0);
  if (budget === undefined || total <= budget) return { kept: sites, dropped: [] };
  const dropped = new Map<T, LeftOutSite>();
  const inOrder = [...sites.entries()].toSorted(
    ([placeA, a], [placeB, b]) =>
      b.site.stage - a.site.stage || b.addedParameters - a.addedParameters || placeB - placeA,
  );
  for (const [, planned] of inOrder) {
    if (total <= budget) break;
    const { site, addedParameters } = planned;
    if (addedParameters === 0) continue;
    dropped.set(planned, {
      id: site.id,
      value: site.value,
      reason: 'over-budget',
      detail: `its ${addedParameters} parameters would make ${total} where ${budget} may be added: later stages gain least for what they cost`,
    });
    total -= addedParameters;
  }
  return { kept: sites.filter((planned) => !dropped.has(planned)), dropped: [...dropped.values()] };
}
