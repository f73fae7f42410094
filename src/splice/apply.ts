import type { BlockDefinition } from '../blocks/block.ts';
import { invalid } from '../blocks/options.ts';
import { SeInjectError } from '../errors.ts';
import { type NameScope, nameScope } from '../graph/names.ts';
import type { GraphView, Use } from '../graph/view.ts';
import { dataTypeBits } from '../onnx/data-type.ts';
import { encodeConstantNode, encodeInitializer, encodeMetadata, encodeNode } from '../onnx/encode.ts';
import { formatName } from '../onnx/format-name.ts';
import { elementCount } from '../onnx/tensor-data.ts';
import { concatBytes } from '../wire/bytes.ts';
import { type BytePatch, patchBytes, patchedSource, refuseTooLarge } from '../wire/patch.ts';
import { checkPlan } from './check-plan.ts';
import { EditList, otherUses, placeBehind, placeInitializers } from './edits.ts';
import { exchangedWeights } from './exchange.ts';
import {
  type GivenWeights,
  LOADED,
  matchWeights,
  type StoredWeights,
  weightsDigest,
} from './given-weights.ts';
import { type BlockInstance, blockNames, instantiateBlock } from './instantiate.ts';
import { type OpenModel, openModel } from './model.ts';
import { type InjectionPlan, type PlannedSite, resolveBlock, resolveOptions, toBlockSite } from './plan.ts';
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
 * is scanned and linted before it is returned. The weights of a plan whose `init` is `loaded` are
 * those given. Throws `splice/stale-plan` where the plan was made for another model, `blocks/invalid-weights` for
 * weights that are not those of its blocks, and `splice/result-too-large` where the result would pass protobuf's 2 GiB.
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
  weights: GivenWeights | undefined = undefined,
): Promise<Injection> {
  const { file, view } = model;
  if (plan.sites.length === 0) return { patch: patchBytes(file.source, []), record: undefined, model };
  await checkPlan(model, plan, block);
  const given = givenFor(plan, block, view.opset, weights);
  // Before the weights are drawn: those that would not fit may not fit into memory either.
  refuseTooLarge(file.source.size + weightBytes(plan, block, view.opset));
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
  for (const [index, planned] of plan.sites.entries()) {
    const { value } = planned.site;
    const tapped = tappedNames.get(value) ?? value;
    const instance = instantiate(plan, planned, block, view.opset, tapped, scope, given[index]);
    const nodes = instance.nodes.map(encodeNode);
    if (weightsAs === 'constant') nodes.unshift(...instance.tensors.map(encodeConstantNode));
    else initializers.push(...instance.tensors.map(encodeInitializer));
    list.insert(placeBehind(view, value), concatBytes(nodes));
    const redirected = takesOutput(planned)
      ? await renameTapped(list, view, planned, tapped, claimed.get(value) ?? [])
      : await redirectUses(list, view, planned, instance.scaled);
    sites.push({
      id: planned.site.id,
      site: instance.site,
      options: instance.options,
      value,
      tapped,
      names: Object.fromEntries(instance.names),
      redirected,
      ...(instance.quantization === undefined ? {} : { quantization: instance.quantization }),
      ...(given[index] === undefined ? {} : { weights: digestOf(instance, block, given[index]) }),
    });
  }
  // One by one: joined, they would be in memory twice.
  for (const initializer of initializers) list.insert(placeInitializers(view.graph), initializer);
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
    // The default is not written down: records from before there were placements have none.
    ...(plan.placement === 'standard' ? {} : { placement: plan.placement }),
  };
  const metadata = encodeMetadata(RECORD_KEY, writeRecords([...records, record]));
  if (entry === undefined) list.append(file, metadata);
  else list.replaceField(entry.span, metadata);
  const patch = patchBytes(file.source, list.edits);
  return { patch, record, model: await openModel(patchedSource(patch)) };
}

/** The block of one site, its options decided once more: a plan may have been edited. */
function instantiate(
  plan: InjectionPlan,
  planned: PlannedSite,
  block: BlockDefinition,
  opset: number,
  tapped: string,
  scope: NameScope,
  given: StoredWeights | undefined,
): BlockInstance & Pick<RecordedSite, 'site' | 'options' | 'quantization'> {
  const site = toBlockSite(planned.site, opset);
  const { quantization } = planned.site;
  const quantized = quantization === undefined ? {} : { quantization };
  const options = resolveOptions(block, planned.options, site, plan.init);
  const instance = instantiateBlock({
    block,
    site,
    options,
    ...quantized,
    input: tapped,
    init: plan.init,
    seed: plan.seed,
    label: planned.site.id,
    given,
    nameOf: blockNames(scope, block.name, planned.site.value),
  });
  return {
    ...(takesOutput(planned) ? giveName(instance, planned.site.value) : instance),
    site,
    options,
    ...quantized,
  };
}

/** The weights of each site of a plan whose weights are loaded; of others, nothing. */
function givenFor(
  plan: InjectionPlan,
  block: BlockDefinition,
  opset: number,
  weights: GivenWeights | undefined,
): readonly StoredWeights[] {
  if ((weights !== undefined) !== (plan.init === LOADED)) {
    throw invalid('init', plan.init, `"${LOADED}" is for weights that are given, and nothing else is`);
  }
  if (weights === undefined) return [];
  const wanted = plan.sites.map((planned) => {
    const site = toBlockSite(planned.site, opset);
    return exchangedWeights(
      planned.site.id,
      block,
      site,
      resolveOptions(block, planned.options, site, plan.init),
    );
  });
  return matchWeights(wanted, weights);
}

function digestOf(
  { site, options }: Pick<RecordedSite, 'site' | 'options'>,
  block: BlockDefinition,
  given: StoredWeights,
): string {
  return weightsDigest(block.weights(site, options), site.dataType, (local) => given.get(local));
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

/** Bytes of all the weights that a plan adds. */
function weightBytes(plan: InjectionPlan, block: BlockDefinition, opset: number): number {
  let bytes = 0;
  for (const { site, options } of plan.sites) {
    for (const { dims, dataType } of block.weights(toBlockSite(site, opset), options)) {
      bytes += (elementCount(dims) * (dataTypeBits(dataType ?? site.dataType) ?? 0)) / 8;
    }
  }
  return bytes;
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
