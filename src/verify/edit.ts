import type { BlockDefinition } from '../blocks/block.ts';
import { drawWeight } from '../blocks/initializers.ts';
import { blockNamed } from '../blocks/registry.ts';
import { isSeInjectError } from '../errors.ts';
import { type GraphView, type Use, usesOf } from '../graph/view.ts';
import type { DataTypeNumber } from '../onnx/data-type.ts';
import { encodeNumbers } from '../onnx/encode.ts';
import type { DataFolder } from '../onnx/external-data.ts';
import { formatName } from '../onnx/format-name.ts';
import type { TensorProto } from '../onnx/model-file.ts';
import { readTensor, readTensorContent } from '../onnx/read-tensor.ts';
import { findSites, placeSite, type Site } from '../sites/index.ts';
import {
  findRecordedBlock,
  type InjectionRecord,
  type OpenModel,
  type RecordedSite,
  readRecords,
  type Stripped,
  strip,
  weightsDigest,
} from '../splice/index.ts';
import type { ByteSource } from '../wire/byte-source.ts';
import { equalBytes } from '../wire/bytes.ts';
import { patchedSource } from '../wire/patch.ts';
import type { EditReport, Finding } from './types.ts';
import { weightTensor } from './weights.ts';

/** What question 2 found, with what the later questions build on. */
export interface EditCheck extends EditReport {
  /** The last injection, or nothing where the model holds no record of one. */
  readonly record: InjectionRecord | undefined;
  readonly block: BlockDefinition | undefined;
  /** Whether every weight is still what seed and recipe give. */
  readonly untrained: boolean;
}

/** Bytes that are compared at a time: two such parts stay in the cache, and what else is to be done gets its turn. */
const CHUNK = 256 * 1024;

/**
 * Question 2: is the edit the plan?
 *
 * Stripped, the file must be the original byte for byte; every tap must be a site of the original with the very uses of
 * it redirected; every weight must be what seed and recipe give (else: trained since). The weights of a model with
 * external data are looked up in `folder`.
 */
export async function checkEdit(
  before: OpenModel,
  after: OpenModel,
  blocks: readonly BlockDefinition[] = [],
  folder?: DataFolder,
): Promise<EditCheck> {
  const findings: Finding[] = [];
  const record = lastRecord(after, findings);
  if (record === undefined) return { ok: false, findings, record, block: undefined, untrained: false };
  const block = blockOf(record, blocks);
  const stripped = await tryStrip(after, blocks, findings);
  if (stripped !== undefined) {
    findings.push(...stripped.findings.map((message) => fail('not-the-record', message)));
    const different = await firstDifference(before.file.source, patchedSource(stripped.patch));
    if (different !== undefined) {
      findings.push(
        fail(
          'not-the-original',
          `without its blocks the file differs from the original at byte ${different}`,
        ),
      );
    }
  }
  const sites = findSites(before.view, before.types, { kinds: 'all' }).sites.flatMap((site) => {
    const placed = placeSite(before.view, before.types, site, record.placement ?? 'standard');
    return 'reason' in placed ? [] : [placed];
  });
  let untrained = true;
  for (const recorded of record.sites) {
    findings.push(...checkTap(before.view, after.view, sites, recorded, block));
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

/** The last injection that a model records, and its block; nothing where there is none that can be read. */
export function recordedInjection(
  after: OpenModel,
  blocks: readonly BlockDefinition[] = [],
): Pick<EditCheck, 'record' | 'block'> {
  const record = lastRecord(after, []);
  return { record, block: record === undefined ? undefined : blockOf(record, blocks) };
}

function blockOf(record: InjectionRecord, blocks: readonly BlockDefinition[]): BlockDefinition {
  return blocks.find(({ name }) => name === record.block) ?? blockNamed(record.block);
}

function lastRecord(after: OpenModel, findings: Finding[]): InjectionRecord | undefined {
  try {
    const record = readRecords(after.file).records.at(-1);
    if (record === undefined) {
      findings.push({
        level: 'unchecked',
        code: 'no-record',
        message: 'the second model holds no record of an injection: only its outputs can be compared',
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

/** The tap must be a site, and whoever reads the scaled value must be who was to read it. */
function checkTap(
  before: GraphView,
  after: GraphView,
  sites: readonly Site[],
  recorded: RecordedSite,
  block: BlockDefinition,
): Finding[] {
  const tapped = `${recorded.id}: value "${formatName(recorded.value)}"`;
  const candidates = sites.filter(
    ({ value, kind }) => value === recorded.value && kind === recorded.site.kind,
  );
  if (candidates.length === 0) {
    return [
      fail(
        'not-a-site',
        `${tapped} is no ${recorded.site.kind} site of the original: no block belongs there`,
        recorded.id,
      ),
    ];
  }
  const { scaled, findings } = findRecordedBlock(after, recorded, block);
  if (findings.length > 0)
    return findings.map((message) => fail('not-the-record', `${recorded.id}: ${message}`, recorded.id));
  const readers = usesOf(after, scaled)
    .map((use) => describeUse(after, use))
    .sort();
  if (!candidates.some((site) => sameQuantization(site.quantization, recorded.quantization))) {
    return [
      fail(
        'not-the-quantizer',
        `${tapped}: the scaled features are not quantized as the tapped ones are`,
        recorded.id,
      ),
    ];
  }
  const fits = candidates.some(({ uses }) => {
    const wanted = uses.map((use) => describeUse(before, use)).sort();
    return wanted.length === readers.length && wanted.every((use, index) => use === readers[index]);
  });
  if (fits) return [];
  return [
    fail(
      'not-the-use',
      `${tapped}: the scaled value is read by ${readers.join(', ') || 'nobody'}`,
      recorded.id,
    ),
  ];
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

/** Offset of the first byte in which two sources differ, or nothing. */
async function firstDifference(a: ByteSource, b: ByteSource): Promise<number | undefined> {
  const size = Math.min(a.size, b.size);
  const [readA, readB] = [partReader(a), partReader(b)];
  for (let at = 0; at < size; at += CHUNK) {
    const length = Math.min(CHUNK, size - at);
    const [left, right] = await Promise.all([readA(at, length), readB(at, length)]);
    if (!equalBytes(left, right)) return at + left.findIndex((byte, index) => byte !== right[index]);
  }
  return a.size === b.size ? undefined : size;
}

/** Reads parts of a file one after the other, into the same memory where it is not in memory already. */
function partReader(source: ByteSource): (offset: number, length: number) => Promise<Uint8Array> {
  if (source.fill === undefined) return (offset, length) => source.read(offset, length);
  const memory = new Uint8Array(CHUNK);
  return async (offset, length) => {
    const part = memory.subarray(0, length);
    await source.fill?.(part, offset);
    return part;
  };
}

function fail(code: string, message: string, site?: string): Finding {
  return site === undefined ? { level: 'fail', code, message } : { level: 'fail', code, message, site };
}
