import type { BlockDefinition } from '../blocks/block.ts';
import { SeInjectError } from '../errors.ts';
import { useKey, usesOf } from '../graph/view.ts';
import { DataType, dataTypeName } from '../onnx/data-type.ts';
import { formatName } from '../onnx/format-name.ts';
import type { Site } from '../sites/site.ts';
import { structureDigest } from './digest.ts';
import type { OpenModel } from './model.ts';
import { type InjectionPlan, PLAN_VERSION } from './plan.ts';

/**
 * Checks a plan, which may have been saved and edited, against the model that it is to be applied to: the model is the
 * one that was planned for, the block is the planned one, every planned
 * site has the type that its value has, and every planned use is a use that the model has and that no
 * other site of the plan redirects.
 *
 * Throws `splice/stale-plan`.
 */
export async function checkPlan(
  model: OpenModel,
  plan: InjectionPlan,
  block: BlockDefinition,
): Promise<void> {
  if (plan.planVersion !== PLAN_VERSION)
    throw stale(`it has version ${String(plan.planVersion)}, this tool reads version ${PLAN_VERSION}`);
  const digest = await structureDigest(model.file);
  if (digest !== plan.model.digest) {
    throw stale(
      `it was made for another model (digest "${plan.model.digest.slice(0, 12)}", this one has "${digest.slice(0, 12)}")`,
    );
  }
  if (block.name !== plan.block || block.version !== plan.blockVersion) {
    throw stale(
      `it is for version ${plan.blockVersion} of block "${plan.block}", not version ${block.version} of "${block.name}"`,
    );
  }
  if (!Number.isSafeInteger(plan.seed)) throw stale(`its seed "${plan.seed}" is no whole number`);
  const ids = new Set<string>();
  const claimed = new Map<string, Set<string>>();
  for (const { site } of plan.sites) {
    const value = formatName(site.value);
    const wrong = wrongType(model, site);
    if (wrong !== undefined)
      throw stale(`site "${formatName(site.id)}" has ${wrong}, which "${value}" has not`);
    if (ids.has(site.id)) throw stale(`it has two sites "${formatName(site.id)}"`);
    ids.add(site.id);
    const known = new Set(usesOf(model.view, site.value).map(useKey));
    const taken = claimed.get(site.value) ?? new Set();
    claimed.set(site.value, taken);
    if (site.uses.length === 0) throw stale(`site "${formatName(site.id)}" redirects no use of "${value}"`);
    for (const use of site.uses) {
      const key = useKey(use);
      if (!known.has(key))
        throw stale(
          `site "${formatName(site.id)}" redirects a use of "${value}" that the model does not have`,
        );
      if (taken.has(key)) throw stale(`two of its sites redirect one use of "${value}"`);
      taken.add(key);
    }
    // Graph outputs of one name are one value, and only one node can take the name over.
    const outputs = [...known].filter((key) => key.startsWith('output'));
    if (outputs.some((key) => taken.has(key)) && !outputs.every((key) => taken.has(key)))
      throw stale(`site "${formatName(site.id)}" redirects one of several graph outputs "${value}"`);
  }
}

/** What a site says of its value and the model does not, as far as the model's types are known. */
function wrongType({ types }: OpenModel, site: Site): string | undefined {
  const type = types.get(site.value);
  const { rank, channelAxis, channels, dataType } = site;
  if (channelAxis >= rank) return `channel axis ${channelAxis} of ${rank}`;
  if (type === undefined) return undefined;
  if (type.dataType !== DataType.UNDEFINED && type.dataType !== dataType)
    return `element type ${dataTypeName(dataType)}`;
  if (type.shape === undefined) return undefined;
  if (type.shape.length !== rank) return `${rank} axes`;
  const size = type.shape[channelAxis];
  return typeof size === 'number' && size !== channels ? `${channels} channels` : undefined;
}

function stale(why: string): SeInjectError {
  return new SeInjectError('splice/stale-plan', `the plan does not fit: ${why}; plan again`, {
    details: { why },
  });
}
