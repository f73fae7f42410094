import { isSeInjectError } from '../errors.ts';
import { useKey } from '../graph/view.ts';
import { formatName } from '../onnx/format-name.ts';
import { type Placement, placeSite } from '../sites/placements.ts';
import type { Site } from '../sites/site.ts';
import type { LeftOutReason, LeftOutSite, PresentBlock } from './left-out.ts';
import type { OpenModel } from './model.ts';
import { type InjectionRecord, readRecords } from './record.ts';
import { selectSites } from './select.ts';
import { type StageOptions, stageRule } from './stages.ts';

/** Which sites are wanted, and where in their blocks. */
export interface ChoiceOptions extends StageOptions {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly placement: Placement;
}

/** The sites that get a block, at their places, and those that do not. */
export interface Choice {
  readonly sites: readonly Site[];
  readonly leftOut: readonly LeftOutSite[];
  readonly present: readonly PresentBlock[];
}

/**
 * Chooses among the sites that were found and moves them to their places. A place that holds a block of an earlier
 * injection is left as it is, so that injecting twice does what once does.
 */
export function chooseSites(model: OpenModel, found: readonly Site[], options: ChoiceOptions): Choice {
  const { include, exclude, placement } = options;
  const included = new Set(selectSites(found, include, []));
  const kept = new Set(selectSites(found, [], exclude));
  const offStage = stageRule(found, options);
  const records = recordsOf(model).filter((record) => (record.placement ?? 'standard') === placement);
  const held = new Set(records.flatMap(heldValues));
  const claimed = new Map<string, string>();
  const sites: Site[] = [];
  const leftOut: LeftOutSite[] = [];
  for (const site of found) {
    const leave = (reason: LeftOutReason, detail: string): void => {
      leftOut.push({ id: site.id, value: site.value, reason, detail });
    };
    const stage = offStage(site);
    if (!included.has(site)) leave('not-included', 'is not among the sites asked for');
    else if (!kept.has(site)) leave('excluded', 'was left out by name');
    else if (stage !== undefined) leave(stage.reason, stage.detail);
    else {
      const placed = placeSite(model.view, model.types, site, placement);
      if ('reason' in placed) leave(placed.reason, placed.detail);
      else if (held.has(placed.value)) leave('already-there', 'a block of an earlier injection is there');
      else {
        const keys = placed.uses.map((use) => `${useKey(use)} ${placed.value}`);
        const other = keys.map((key) => claimed.get(key)).find((id) => id !== undefined);
        if (other === undefined) sites.push(placed);
        else leave('shared-uses', `taps "${formatName(placed.value)}" for the same readers as site ${other}`);
        for (const key of keys) claimed.set(key, other ?? site.id);
      }
    }
  }
  return { sites, leftOut, present: records.flatMap(blocksOf) };
}

/**
 * The values at which the search would find a place again that holds a block already: the scaled value at the end of a
 * branch, the tapped value anywhere else.
 */
function heldValues({ placement, sites }: InjectionRecord): readonly string[] {
  return sites.flatMap(({ tapped, names }) => [
    ...Object.values(names),
    ...(placement === undefined ? [] : [tapped]),
  ]);
}

function blocksOf({ block, sites }: InjectionRecord): readonly PresentBlock[] {
  return sites.map(({ id, value }) => ({ id, value, block }));
}

/** A record that cannot be trusted tells nothing; the injection itself refuses the model. */
function recordsOf({ file }: OpenModel): readonly InjectionRecord[] {
  try {
    return readRecords(file).records;
  } catch (error) {
    if (isSeInjectError(error)) return [];
    throw error;
  }
}
