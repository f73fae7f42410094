import type { BlockDefinition } from '../blocks/block.ts';
import { drawWeight } from '../blocks/initializers.ts';
import { blockNamed } from '../blocks/registry.ts';
import { isSeInjectError } from '../errors.ts';
import { type GraphView, type Use, usesOf } from '../graph/view.ts';
import type { DataTypeNumber } from '../onnx/data-type.ts';
import { encodeNumbers } from '../onnx/encode.ts';
import { checkExternalData, type DataFolder } from '../onnx/external-data.ts';
import { formatName } from '../onnx/format-name.ts';
import type { TensorProto } from '../onnx/model-file.ts';
import { readTensor, readTensorContent } from '../onnx/read-tensor.ts';
import { findSites, placeSite, type Site } from '../sites/index.ts';
import {
  type FoundBlock,
  findRecordedBlock,
  type InjectionRecord,
  type OpenModel,
  type RecordedSite,
  readRecords,
  type Stripped,
  strip,
  stripAll,
  weightsDigest,
} from '../splice/index.ts';
import { equalBytes } from '../wire/bytes.ts';
import { optionFault, redirectedFault, siteFault, strangeNode } from './declared.ts';
import { dataDifference, fileDifference } from './difference.ts';
import { attempt } from './sessions.ts';
import type { EditReport, Finding } from './types.ts';
import { weightTensor } from './weights.ts';

/** The injection that is looked into. */
export interface RecordedInjection extends Pick<EditCheck, 'record' | 'block'> {
  /** Whether it is all that lies between the two models: others may change what the model computes. */
  readonly isAll: boolean;
}

/** What question 2 found, with what the later questions build on. */
export interface EditCheck extends EditReport {
  /** The last injection, or nothing where the model holds no record of one. */
  readonly record: InjectionRecord | undefined;
  readonly block: BlockDefinition | undefined;
  /** Whether every weight is still what seed and recipe give. */
  readonly untrained: boolean;
}

/**
 * Question 2: is the edit the plan?
 *
 * Stripped, the file must be the original byte for byte; every tap must be a site of the original with the very uses of
 * it redirected; every block must be written as the record says; every weight must be what seed and recipe give (else:
 * trained since). The external data of the rewritten model lies in `folder`; that of the original must be the same, where
 * it lies in another one (`beforeFolder`).
 */
export async function checkEdit(
  before: OpenModel,
  after: OpenModel,
  blocks: readonly BlockDefinition[] = [],
  folder?: DataFolder,
  beforeFolder?: DataFolder,
): Promise<EditCheck> {
  const findings: Finding[] = [];
  const record = lastRecord(before, after, findings);
  if (record === undefined) return { ok: false, findings, record, block: undefined, untrained: false };
  const block = blockOf(record, blocks);
  const stripped = await tryStrip(after, blocks, findings);
  if (stripped !== undefined) findings.push(...(await compareStripped(before, stripped, blocks)));
  findings.push(...(await compareData(before, beforeFolder, folder)));
  if (record.blockVersion !== block.version) {
    findings.push({
      level: 'unchecked',
      code: 'other-block-version',
      message: `the record is of version ${record.blockVersion} of block "${formatName(block.name)}", and this is version ${block.version}: what it declares may mean something else`,
    });
  }
  // The last injection was made on what earlier ones had left.
  const isLater = stripped?.findings.length === 0 && countRecords(stripped.model) > countRecords(before);
  const { view, types } = isLater ? stripped.model : before;
  const sites = findSites(view, types, { kinds: 'all' }).sites.flatMap((site) => {
    const placed = placeSite(view, types, site, record.placement ?? 'standard');
    return 'reason' in placed ? [] : [placed];
  });
  const recordedBlocks = record.sites.map((recorded) => ({
    recorded,
    found: findRecordedBlock(after.view, recorded, block),
  }));
  const inserted = new Set(recordedBlocks.flatMap(({ found }) => found.nodes));
  const tappedNames = new Map(record.sites.map(({ tapped, value }) => [tapped, value]));
  let untrained = true;
  for (const { recorded, found } of recordedBlocks) {
    const wrong = await checkTap({
      view,
      after,
      sites,
      record,
      recorded,
      block,
      found,
      inserted,
      tappedNames,
    });
    findings.push(...wrong.map(({ code, message }) => fail(code, `${recorded.id}: ${message}`, recorded.id)));
    // Weights of a block that is not the recorded one say nothing.
    if (wrong.some(({ code }) => code !== 'not-the-use')) continue;
    const changed = await changedWeights(after, record, recorded, block, folder);
    if (changed.length > 0) {
      untrained = false;
      findings.push({
        level: 'unchecked',
        code: 'weights-changed',
        site: recorded.id,
        message: `${recorded.id}: ${changed.join(', ')} are not what ${recorded.weights === undefined ? `seed ${record.seed} and "${record.init}" give: trained, loaded or` : 'was loaded: trained or'} changed since`,
      });
    }
  }
  return { ok: findings.every(({ level }) => level !== 'fail'), findings, record, block, untrained };
}

/** Whether the file without the last injection is the original. */
async function compareStripped(
  before: OpenModel,
  stripped: Stripped,
  blocks: readonly BlockDefinition[],
): Promise<Finding[]> {
  // With blocks that had to stay, it cannot be.
  if (stripped.findings.length > 0)
    return stripped.findings.map((message) => fail('not-the-record', message));
  const difference = await fileDifference(before.file, stripped.model.file);
  if (difference === undefined) {
    if (stripped.exact) return [];
    return [fail('not-the-record', 'the record has another digest than the file had before the injection')];
  }
  if (await isWithoutAll(before, stripped, blocks)) {
    const message =
      'the second model holds earlier injections that the first one lacks: only the last one was checked, compare the others each with the model before it';
    return [{ level: 'unchecked', code: 'earlier-injections', message }];
  }
  return [fail('not-the-original', `without its blocks the file differs from the original ${difference}`)];
}

/** Whether a model that earlier injections have left is the original without these. */
async function isWithoutAll(
  before: OpenModel,
  { model }: Stripped,
  blocks: readonly BlockDefinition[],
): Promise<boolean> {
  if (countRecords(model) === 0) return false;
  try {
    const all = await stripAll(model, { blocks });
    return all.findings.length === 0 && (await fileDifference(before.file, all.model.file)) === undefined;
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    return false;
  }
}

/** Whether the data files are the same in two folders. */
async function compareData(
  { file }: OpenModel,
  before: DataFolder | undefined,
  after: DataFolder | undefined,
): Promise<Finding[]> {
  if (before === undefined || after === undefined) return [];
  // Without its data the original does not run either, which says it all.
  if (!(await attempt(() => checkExternalData(file, before))).ok) return [];
  const compared = await attempt(() => dataDifference(file, before, after));
  if (compared.ok) return compared.value === undefined ? [] : [fail('not-the-data', compared.value)];
  const message = `the data files were not compared: ${compared.error.message}`;
  return [{ level: 'unchecked', code: 'data-not-compared', message }];
}

/** The last injection that a model records, and its block; nothing where there is none that can be read. */
export function recordedInjection(
  before: OpenModel,
  after: OpenModel,
  blocks: readonly BlockDefinition[] = [],
): RecordedInjection {
  const record = lastRecord(before, after, []);
  const isAll = countRecords(after) - countRecords(before) <= 1;
  return { record, block: record === undefined ? undefined : blockOf(record, blocks), isAll };
}

/** How many injections a model records. */
function countRecords({ file }: OpenModel): number {
  try {
    return readRecords(file).records.length;
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    return 0;
  }
}

function blockOf(record: InjectionRecord, blocks: readonly BlockDefinition[]): BlockDefinition {
  return blocks.find(({ name }) => name === record.block) ?? blockNamed(record.block);
}

function lastRecord(before: OpenModel, after: OpenModel, findings: Finding[]): InjectionRecord | undefined {
  try {
    const record = readRecords(after.file).records.at(-1);
    if (record === undefined) {
      findings.push({
        level: 'unchecked',
        code: 'no-record',
        message: `the second model holds no record of an injection${countRecords(before) > 0 ? ', and the first one does (are they the wrong way round?)' : ''}: only its outputs can be compared`,
      });
    }
    return record;
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    findings.push(fail('invalid-record', error.message));
    return undefined;
  }
}

async function tryStrip(
  after: OpenModel,
  blocks: readonly BlockDefinition[],
  findings: Finding[],
): Promise<Stripped | undefined> {
  try {
    return await strip(after, { blocks });
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    findings.push(fail('not-the-record', error.message));
    return undefined;
  }
}

/** A recorded site among what it is looked at with. */
interface TapCheck {
  /** The graph that the sites were found in. */
  readonly view: GraphView;
  readonly after: OpenModel;
  readonly sites: readonly Site[];
  readonly record: InjectionRecord;
  readonly recorded: RecordedSite;
  readonly block: BlockDefinition;
  readonly found: FoundBlock;
  /** The nodes of all blocks. */
  readonly inserted: ReadonlySet<number>;
  /** The names that tapped values had before these were given to scaled ones, by those that they have now. */
  readonly tappedNames: ReadonlyMap<string, string>;
}

/**
 * The tap must be a site, what the record says of it must be so, and whoever reads the scaled value must be who was to
 * read it.
 */
async function checkTap(check: TapCheck): Promise<Pick<Finding, 'code' | 'message'>[]> {
  const { view, after, sites, record, recorded, block, found } = check;
  const tapped = `value "${formatName(recorded.value)}"`;
  const wrong = (code: string, message: string): Pick<Finding, 'code' | 'message'>[] => [{ code, message }];
  const candidates = sites.filter(
    ({ value, kind }) => value === recorded.value && kind === recorded.site.kind,
  );
  if (candidates.length === 0) {
    return wrong(
      'not-a-site',
      `${tapped} is no ${formatName(recorded.site.kind)} site of the original: no block belongs there`,
    );
  }
  const lie = siteFault(candidates, recorded, view.opset) ?? optionFault(block, record, recorded);
  if (lie !== undefined) return wrong('not-the-record', `${tapped}: ${lie}`);
  if (found.findings.length > 0)
    return found.findings.map((message) => ({ code: 'not-the-record', message }));
  if (!candidates.some((site) => sameQuantization(site.quantization, recorded.quantization))) {
    return wrong(
      'not-the-quantizer',
      `${tapped}: the scaled features are not quantized as the tapped ones are`,
    );
  }
  const readers = usesOf(after.view, found.scaled)
    .map((use) => describeUse(after.view, use))
    .sort();
  const fits = candidates.some(({ uses }) => {
    const wanted = uses.map((use) => describeUse(view, use)).sort();
    return wanted.length === readers.length && wanted.every((use, index) => use === readers[index]);
  });
  if (!fits)
    return wrong('not-the-use', `${tapped}: the scaled value is read by ${readers.join(', ') || 'nobody'}`);
  const strange =
    redirectedFault(after.view, recorded, found, check) ?? (await strangeNode(after, recorded, block, found));
  return strange === undefined ? [] : wrong('not-the-record', strange);
}

function sameQuantization(a: RecordedSite['quantization'], b: RecordedSite['quantization']): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (['tapped', 'dataType', 'scale', 'zeroPoint', 'domain'] as const).every((key) => a[key] === b[key]);
}

/** A use by what does not move when nodes are inserted: the first value that its node gives. */
function describeUse(view: GraphView, use: Use): string {
  if (use.kind === 'output') return 'the graph output';
  const value = formatName(view.nodes[use.node]?.output.find((name) => name !== '') ?? '');
  return use.kind === 'input'
    ? `input ${use.input} of the node of "${value}"`
    : `a body of the node of "${value}"`;
}

async function changedWeights(
  after: OpenModel,
  record: InjectionRecord,
  recorded: RecordedSite,
  block: BlockDefinition,
  folder: DataFolder | undefined,
): Promise<string[]> {
  if (recorded.weights !== undefined) return changedSinceLoaded(after, recorded, block, folder);
  const changed: string[] = [];
  for (const weight of block.weights(recorded.site, recorded.options)) {
    const tensor = weightTensor(after.view, recorded.names[weight.name] ?? '');
    if (tensor === undefined) continue;
    const dataType = weight.dataType ?? recorded.site.dataType;
    const drawn = drawWeight(block, recorded.options, weight, record.init, record.seed, recorded.id);
    const found = await weightBytes(after, tensor, dataType, folder);
    if (found === undefined || !equalBytes(encodeNumbers(drawn, dataType), found)) changed.push(weight.name);
  }
  return changed;
}

/** A weight's numbers as bytes of a type: where they stand in the file so, as they stand there. */
async function weightBytes(
  after: OpenModel,
  tensor: TensorProto,
  dataType: DataTypeNumber,
  folder: DataFolder | undefined,
): Promise<Uint8Array | undefined> {
  if (tensor.dataType === dataType && tensor.data.location === 'file' && tensor.data.field === 'rawData')
    return (await readTensorContent(after.file, tensor, folder))?.bytes;
  const numbers = await readTensor(after.file, tensor, folder);
  return numbers === undefined ? undefined : encodeNumbers(numbers, dataType);
}

/** Weights that were loaded are told by their digest, all together. */
async function changedSinceLoaded(
  after: OpenModel,
  recorded: RecordedSite,
  block: BlockDefinition,
  folder: DataFolder | undefined,
): Promise<string[]> {
  const specs = block.weights(recorded.site, recorded.options);
  const found = new Map<string, Float64Array>();
  for (const { name } of specs) {
    const tensor = weightTensor(after.view, recorded.names[name] ?? '');
    const numbers = tensor === undefined ? undefined : await readTensor(after.file, tensor, folder);
    if (numbers !== undefined) found.set(name, numbers);
  }
  const digest = weightsDigest(specs, recorded.site.dataType, (local) => found.get(local));
  return digest === recorded.weights
    ? []
    : specs.filter(({ role }) => role !== 'constant').map(({ name }) => name);
}

function fail(code: string, message: string, site?: string): Finding {
  return site === undefined ? { level: 'fail', code, message } : { level: 'fail', code, message, site };
}
