import type { BlockSite, ResolvedOptions } from '../blocks/block.ts';
import { SeInjectError } from '../errors.ts';
import type { ModelFile, StringStringEntryProto } from '../onnx/model-file.ts';
import { PLACEMENTS, type Placement } from '../sites/placements.ts';
import type { SiteQuantization } from '../sites/site.ts';
import { QUANTIZATION } from './quantization-shape.ts';
import { fits, isCount, isListOf, isMapOf, isOptionValue, isString, type Shape } from './shape.ts';

/** Key of the one entry of `metadata_props` that holds the records. */
export const RECORD_KEY = 'se-inject';

/** Characters that the records of a model may have: they take one or two thousand a site. */
const SIZE_LIMIT = 15 * 1024 * 1024;

/** A use that was given another value to read. */
export interface RecordedUse {
  /** The node, by the first value that it gave; empty for a graph output. */
  readonly node: string;
  /** Index of the input, or -1 for every capture in the node's bodies and for a graph output. */
  readonly input: number;
}

/** What was done at one site. */
export interface RecordedSite {
  /** The site's id, after which its random numbers are named. */
  readonly id: string;
  /** What the block was built for. */
  readonly site: BlockSite;
  /** The block's options, all decided. */
  readonly options: ResolvedOptions;
  /** The value that was tapped, by the name that it had. */
  readonly value: string;
  /** The name that it has now: another one where the scaled value took over the name of a graph output. */
  readonly tapped: string;
  /** Names in the model by the names within the block. */
  readonly names: Readonly<Record<string, string>>;
  /** Who reads the scaled value since; where it took over a graph output's name, who follows the tapped value instead. */
  readonly redirected: readonly RecordedUse[];
  /** How the tapped value was quantized; absent where it was not. */
  readonly quantization?: SiteQuantization;
  /** Digest of the weights that were loaded into the block; absent where seed and recipe give them. */
  readonly weights?: string;
}

/** What one injection did: enough to undo it and to check it. */
export interface InjectionRecord {
  /** Name and version of this package at the time. */
  readonly tool: string;
  /** Name of the block. */
  readonly block: string;
  /** Version of its definition. */
  readonly blockVersion: number;
  /** How the weights started. */
  readonly init: string;
  /** Seed of the random weights. */
  readonly seed: number;
  /** Structure digest of the file before the injection. */
  readonly digest: string;
  /** Whether weights are initializers, or `Constant` nodes as below IR 4. */
  readonly weightsAs: 'initializer' | 'constant';
  /** What was done at each site. */
  readonly sites: readonly RecordedSite[];
  /**
   * Widths that length prefixes had, by their order among those mended, where undoing the edit by rule would give
   * another one: files whose writer pads them.
   */
  readonly widths: Readonly<Record<string, number>>;
  /** Where in their blocks the sites were tapped; `standard` where absent. */
  readonly placement?: Placement;
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
  if (JSON.stringify(parsed) !== entry.value) throw invalidRecord('it was rewritten by something else');
  return { records: parsed, entry };
}

/**
 * Writes records as the value of their metadata entry: always the same text for the same records.
 *
 * Throws `splice/result-too-large` for more than {@link readRecords} would take.
 */
export function writeRecords(records: readonly InjectionRecord[]): string {
  const text = JSON.stringify(records);
  if (text.length <= SIZE_LIMIT) return text;
  throw new SeInjectError(
    'splice/result-too-large',
    `the record of the injection would have ${text.length} characters, and ${SIZE_LIMIT} are the most that is read: inject at fewer sites`,
    { details: { characters: text.length, limit: SIZE_LIMIT } },
  );
}

function invalidRecord(why: string, cause?: unknown): SeInjectError {
  return new SeInjectError(
    'splice/invalid-record',
    `the record "${RECORD_KEY}" in the model's metadata cannot be trusted: ${why}; remove the entry to go on without it`,
    { details: { key: RECORD_KEY, why }, cause },
  );
}

const RECORD: Shape<InjectionRecord> = {
  tool: isString,
  block: isString,
  blockVersion: Number.isSafeInteger,
  init: isString,
  seed: Number.isSafeInteger,
  digest: isString,
  weightsAs: (value) => value === 'initializer' || value === 'constant',
  sites: (value) => isListOf(value, (site) => fits(site, SITE)),
  widths: (value) => isMapOf(value, isCount),
  placement: (value) => value === undefined || PLACEMENTS.some((placement) => placement === value),
};

const SITE: Shape<RecordedSite> = {
  id: isString,
  site: (value) => fits(value, BLOCK_SITE),
  options: (value) => isMapOf(value, isOptionValue),
  value: isString,
  tapped: isString,
  names: (value) => isMapOf(value, isString),
  redirected: (value) => isListOf(value, (use) => fits(use, USE)),
  quantization: (value) => value === undefined || fits(value, QUANTIZATION),
  weights: (value) => value === undefined || isString(value),
};

const MAX_RANK = 8;

const USE: Shape<RecordedUse> = { node: isString, input: (value) => value === -1 || isCount(value) };

/** Sizes are bounded, since a block built from the record must not exhaust the memory. */
const BLOCK_SITE: Shape<BlockSite> = {
  kind: isString,
  channels: (value) => isCount(value) && value <= 65_536,
  channelAxis: (value) => isCount(value) && value < MAX_RANK,
  rank: (value) => isCount(value) && value <= MAX_RANK,
  dataType: isCount,
  opset: isCount,
  spatial: (value) => value === null || isListOf(value, isCount),
  inputChannels: (value) => value === undefined || isCount(value),
  outputChannels: (value) => value === undefined || isCount(value),
};

function isRecord(value: unknown): value is InjectionRecord {
  if (!fits(value, RECORD)) return false;
  const { sites } = value;
  // Two blocks share nothing: what is one's cannot be taken out twice.
  return (
    sites.every(({ site }) => site.channelAxis < site.rank) &&
    areDistinct(sites.map(({ id }) => id)) &&
    areDistinct(sites.flatMap(({ names }) => Object.values(names)))
  );
}

function areDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}
