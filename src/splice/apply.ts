import type { BlockDefinition } from '../blocks/block.ts';
import { SeInjectError } from '../errors.ts';
import { nameScope } from '../graph/names.ts';
import { type GraphView, type Use, usesOf } from '../graph/view.ts';
import { encodeConstantNode, encodeInitializer, encodeMetadata, encodeNode } from '../onnx/encode.ts';
import { formatName } from '../onnx/format-name.ts';
import { concatBytes } from '../wire/bytes.ts';
import { type BytePatch, patchBytes, patchedSource } from '../wire/patch.ts';
import { structureDigest } from './digest.ts';
import { EditList, otherUses, placeBehind, placeInitializers } from './edits.ts';
import { type BlockInstance, blockNames, instantiateBlock } from './instantiate.ts';
import { type OpenModel, openModel } from './model.ts';
import { type InjectionPlan, type PlannedSite, resolveBlock, toBlockSite } from './plan.ts';
import {
  type InjectionRecord,
  RECORD_KEY,
  type RecordedSite,
  type RecordedUse,
  readRecords,
  writeRecords,
} from './record.ts';
import { TOOL } from './version.ts';
import { recordedWidths } from './widths.ts';

/** The result of an injection. */
export interface Injection {
  /** The rewritten file, as ranges of the original and new bytes. */
  readonly patch: BytePatch;
  /** What was done, as it stands in the rewritten file; nothing where nothing was. */
  readonly record: InjectionRecord | undefined;
  /** The rewritten model, opened and found sound. */
  readonly model: OpenModel;
}

/**
 * Makes the edit that a plan describes.
 *
 * The result is the original with bytes spliced in; a plan without sites gives the original itself. The rewritten model
 * is scanned and linted before it is returned. Throws `splice/stale-plan` where the plan was made for another model,
 * and `splice/result-too-large` where the result would pass protobuf's 2 GiB.
 *
 * @example
 * ```ts
 * const { patch } = await applyPlan(model, plan);
 * const bytes = await patchedBytes(patch);
 * ```
 */
export async function applyPlan(
  model: OpenModel,
  plan: InjectionPlan,
  block: BlockDefinition = resolveBlock(plan.block),
): Promise<Injection> {
  const { file, view } = model;
  if (plan.sites.length === 0) return { patch: patchBytes(file.source, []), record: undefined, model };
  await refuseStale(model, plan);
  const { records, entry } = readRecords(file);
  const scope = nameScope(view);
  const weightsAs = file.irVersion < 4 ? 'constant' : 'initializer';
  const list = new EditList(view);
  const initializers: Uint8Array[] = [];
  const sites: RecordedSite[] = [];
  const claimed = claimedUses(plan);
  // A graph output keeps its public name: the node that scales it takes the name over, the tapped value gets another.
  const tappedNames = new Map(
    plan.sites
      .filter(takesOutput)
      .map(({ site }) => [site.value, blockNames(scope, block.name, site.value)('features')] as const),
  );
  for (const planned of plan.sites) {
    const { site } = planned;
    const renamed = takesOutput(planned);
    const nameOf = blockNames(scope, block.name, site.value);
    const tapped = tappedNames.get(site.value) ?? site.value;
    const instance = instantiateBlock({
      block,
      site: toBlockSite(site, view.opset),
      options: planned.options,
      input: tapped,
      init: plan.init,
      seed: plan.seed,
      label: site.id,
      nameOf,
    });
    const placed = renamed ? giveName(instance, site.value) : instance;
    const tensors = placed.tensors.map(weightsAs === 'constant' ? encodeConstantNode : encodeInitializer);
    const nodes = placed.nodes.map(encodeNode);
    if (weightsAs === 'initializer') initializers.push(...tensors);
    const bytes = concatBytes(weightsAs === 'constant' ? [...tensors, ...nodes] : nodes);
    const place = placeBehind(view, site.value);
    if ('first' in place) list.insertFirst(place.first, bytes);
    else list.insertBehind(place, bytes);
    const redirected = renamed
      ? await renameTapped(list, view, planned, tapped, claimed.get(site.value) ?? [])
      : await redirectUses(list, view, planned, placed.scaled);
    sites.push({
      id: site.id,
      site: toBlockSite(site, view.opset),
      options: planned.options,
      value: site.value,
      tapped,
      names: Object.fromEntries(placed.names),
      redirected,
    });
  }
  const place = placeInitializers(view.graph);
  if (place !== undefined && initializers.length > 0) list.insertBehind(place, concatBytes(initializers));
  const record: InjectionRecord = {
    tool: `${TOOL.name} ${TOOL.version}`,
    block: block.name,
    blockVersion: block.version,
    init: plan.init,
    seed: plan.seed,
    digest: plan.model.digest,
    weightsAs,
    sites,
    widths: recordedWidths(patchBytes(file.source, list.edits)),
  };
  const metadata = encodeMetadata(RECORD_KEY, writeRecords([...records, record]));
  if (entry === undefined) list.append(file, metadata);
  else list.replaceField(entry.span, metadata);
  const patch = patchBytes(file.source, list.edits);
  return { patch, record, model: await openModel(patchedSource(patch)) };
}

async function redirectUses(
  list: EditList,
  view: GraphView,
  { site }: PlannedSite,
  scaled: string,
): Promise<RecordedUse[]> {
  const recorded: RecordedUse[] = [];
  for (const use of site.uses) {
    await list.redirect(use, site.value, scaled);
    recorded.push(recordUse(view, use));
  }
  return recorded;
}

/** The scaled value has taken the name of the tapped one: whoever is to read the tapped value follows its new name. */
async function renameTapped(
  list: EditList,
  view: GraphView,
  { site }: PlannedSite,
  tapped: string,
  claimed: readonly Use[],
): Promise<RecordedUse[]> {
  const producer = view.producers.get(site.value);
  const node = producer === undefined ? undefined : view.nodes[producer.node];
  if (producer === undefined || node === undefined) {
    throw new SeInjectError(
      'splice/stale-plan',
      `value "${formatName(site.value)}" is a graph input and a graph output: it cannot be scaled under its own name`,
      { details: { value: site.value } },
    );
  }
  await list.renameOutput(node, producer.output, tapped);
  const recorded: RecordedUse[] = [];
  for (const use of otherUses(view, site.value, claimed)) {
    await list.redirect(use, site.value, tapped);
    recorded.push(recordUse(view, use));
  }
  return recorded;
}

function takesOutput({ site }: PlannedSite): boolean {
  return site.uses.some((use) => use.kind === 'output');
}

/** The uses that some site redirects, by tapped value: two blocks may read one value. */
function claimedUses(plan: InjectionPlan): Map<string, Use[]> {
  const claimed = new Map<string, Use[]>();
  for (const { site } of plan.sites)
    claimed.set(site.value, [...(claimed.get(site.value) ?? []), ...site.uses]);
  return claimed;
}

function giveName(instance: BlockInstance, name: string): BlockInstance {
  const { scaled } = instance;
  const rename = (value: string): string => (value === scaled ? name : value);
  return {
    ...instance,
    scaled: name,
    nodes: instance.nodes.map((node) => ({ ...node, output: node.output.map(rename) })),
    names: new Map([...instance.names].map(([local, value]) => [local, rename(value)])),
  };
}

function recordUse(view: GraphView, use: Use): RecordedUse {
  if (use.kind === 'output') return { node: '', input: -1 };
  const node = view.nodes[use.node]?.output.find((value) => value !== '') ?? '';
  return { node, input: use.kind === 'input' ? use.input : -1 };
}

async function refuseStale(model: OpenModel, plan: InjectionPlan): Promise<void> {
  const digest = await structureDigest(model.file);
  const stale = plan.sites.find(({ site }) => usesOf(model.view, site.value).length === 0);
  if (digest === plan.model.digest && stale === undefined) return;
  throw new SeInjectError(
    'splice/stale-plan',
    `the plan was made for another model (digest "${plan.model.digest.slice(0, 12)}", this one has "${digest.slice(0, 12)}"): plan again`,
    { details: { planned: plan.model.digest, found: digest } },
  );
}
