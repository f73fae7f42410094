import { SeInjectError } from '../errors.ts';
import { formatName } from '../onnx/format-name.ts';
import type { Site } from '../sites/site.ts';

/** Which stages are taken: numbers, and ranges as `2-4`; all where empty. */
export interface StageOptions {
  readonly stages: readonly (number | string)[];
  readonly skipLastStage: boolean;
}

/**
 * Tells of each site whether its stage is taken, or why not.
 *
 * Throws `sites/unknown-site` for a stage or range without a site: a mistake must not pass for "none".
 */
export function stageRule(
  sites: readonly Site[],
  { stages, skipLastStage }: StageOptions,
): (site: Site) => { readonly reason: 'other-stage' | 'last-stage'; readonly detail: string } | undefined {
  const ranges = stages.map((given) => toRange(given, sites));
  const last = Math.max(...sites.map(({ stage }) => stage));
  return ({ stage }) => {
    if (ranges.length > 0 && !ranges.some(([from, to]) => from <= stage && stage <= to))
      return { reason: 'other-stage', detail: `stage ${stage} is not among those asked for` };
    if (skipLastStage && stage === last)
      return {
        reason: 'last-stage',
        detail: `stage ${stage} is the last one, which costs most and gives least (section 6.5 of the paper)`,
      };
    return undefined;
  };
}

function toRange(given: number | string, sites: readonly Site[]): readonly [number, number] {
  const [, first = '', second] = /^(\d+)(?:-(\d+))?$/.exec(String(given).trim()) ?? [];
  const from = Number(first);
  const to = Number(second ?? first);
  const isRange = first !== '' && from <= to;
  if (isRange && (sites.length === 0 || sites.some(({ stage }) => from <= stage && stage <= to)))
    return [from, to];
  const known = [...new Set(sites.map(({ stage }) => stage))].sort((a, b) => a - b).join(', ') || 'none';
  throw new SeInjectError(
    'sites/unknown-site',
    isRange
      ? `no site is in stage "${given}": there are sites in stages ${known}`
      : `stages "${formatName(String(given))}" are none: use numbers and ranges, as 2-4 or 2,4`,
    { details: { option: 'stages', value: given } },
  );
}
