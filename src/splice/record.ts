import type { BlockSite, OptionValue, ResolvedOptions } from '../blocks/block.ts';
import { SeInjectError } from '../errors.ts';
import type { ModelFile, StringStringEntryProto } from '../onnx/model-file.ts';

/** Key of the one entry of `metadata_props` that holds the records. */
export const RECORD_KEY = 'se-inject';

/** Records are a few hundred bytes a site; more than this is not ours. */
const SIZE_LIMIT = 4 * 1024 * 1024;

/** A use that reads the scaled value: a node by the first value that it gives, and which input, or its bodies. */
export interface RecordedUse {
  readonly node: string;
  /** Index of the input, or -1 for every capture in the node's bodies. */
  readonly input: number;
}

/** What was done at one site. */
export interface RecordedSite {
  readonly id: string;
  readonly site: BlockSite;
  readonly options: ResolvedOptions;
  /** The value that was tapped, by the name that it had. */
  readonly value: string;
  /** The name that it has now: another one where the scaled value took over the name of a graph output. */
  readonly tapped: string;
  /** Names in the model by the names within the block. */
  readonly names: Readonly<Record<string, string>>;
  readonly redirected: readonly RecordedUse[];
}

/** What one injection did: enough to undo it and to check it. */
export interface InjectionRecord {
  readonly tool: string;
  readonly block: string;
  readonly blockVersion: number;
  readonly init: string;
  readonly seed: number;
  /** Structure digest of the file before the injection. */
  readonly digest: string;
  /** Whether weights are initializers, or `Constant` nodes as below IR 4. */
  readonly weightsAs: 'initializer' | 'constant';
  readonly sites: readonly RecordedSite[];
  /**
   * Widths that length prefixes had, by their order among those mended, where undoing the edit by rule would give
   * another one: files whose writer pads them.
   */
  readonly widths: Readonly<Record<string, number>>;
}

/** The records of a file, first injection first. */
export interface RecordEntry {
  readonly records: readonly InjectionRecord[];
  /** The entry of the file, or nothing where there is none yet. */
  readonly entry: StringStringEntryProto | undefined;
}

/**
 * Reads the records in a model's metadata. They are untrusted input: whatever is not exactly as this tool writes it is
 * refused.
 *
 * Throws `splice/invalid-record`.
 */
export function readRecords(model: ModelFile): RecordEntry {
  const entries = model.metadataProps.filter(({ key }) => key === RECORD_KEY);
  const [entry] = entries;
  if (entry === undefined) return { records: [], entry };
  if (entries.length > 1) throw invalidRecord('there are several of them');
  if (entry.value.length > SIZE_LIMIT) throw invalidRecord(`it has ${entry.value.length} characters`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(entry.value);
  } catch (cause) {
    throw invalidRecord('it is no JSON', cause);
  }
  if (!Array.isArray(parsed) || parsed.length === 0 || !parsed.every(isRecord)) {
    throw invalidRecord('it lacks what this tool writes');
  }
  // Undoing the last injection gives the text that was there before only if the text is the one we write.
  if (writeRecords(parsed) !== entry.value) throw invalidRecord('it was rewritten by something else');
  return { records: parsed, entry };
}

/** Writes records as the value of their metadata entry: always the same text for the same records. */
export function writeRecords(records: readonly InjectionRecord[]): string {
  return JSON.stringify(records);
}

function invalidRecord(why: string, cause?: unknown): SeInjectError {
  return new SeInjectError(
    'splice/invalid-record',
    `the record "${RECORD_KEY}" in the model's metadata cannot be trusted: ${why}; remove the entry to go on without it`,
    { details: { key: RECORD_KEY, why }, cause },
  );
}

function isRecord(value: unknown): value is InjectionRecord {
  if (!isObject(value)) return false;
  const { tool, block, blockVersion, init, seed, digest, weightsAs, sites, widths } = value;
  return (
    [tool, block, init, digest].every(isString) &&
    [blockVersion, seed].every(Number.isSafeInteger) &&
    (weightsAs === 'initializer' || weightsAs === 'constant') &&
    isObject(widths) &&
    Object.values(widths).every(isCount) &&
    Array.isArray(sites) &&
    sites.every(isRecordedSite) &&
    areDistinct(sites.map((site) => site.id)) &&
    areDistinct(sites.flatMap((site) => Object.values(site.names)))
  );
}

function isRecordedSite(value: unknown): value is RecordedSite {
  if (!isObject(value)) return false;
  const { id, site, options, value: tapped, tapped: now, names, redirected } = value;
  return (
    [id, tapped, now].every(isString) &&
    isBlockSite(site) &&
    isObject(options) &&
    Object.values(options).every(isOptionValue) &&
    isObject(names) &&
    Object.values(names).every(isString) &&
    Array.isArray(redirected) &&
    redirected.every(
      (use) => isObject(use) && isString(use['node']) && (use['input'] === -1 || isCount(use['input'])),
    )
  );
}

/** Sizes are bounded, since a block built from the record must not exhaust the memory. */
function isBlockSite(value: unknown): value is BlockSite {
  if (!isObject(value)) return false;
  const { channels, channelAxis, rank, dataType, opset } = value;
  return (
    [channels, channelAxis, rank, dataType, opset].every(isCount) &&
    Number(channels) <= 65_536 &&
    Number(rank) <= 8 &&
    Number(channelAxis) < Number(rank)
  );
}

function isOptionValue(value: unknown): value is OptionValue {
  return isString(value) || typeof value === 'boolean' || Number.isFinite(value);
}

/** Two blocks share nothing: what is one's cannot be taken out twice. */
function areDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
