import type { BlockDefinition } from '../blocks/block.ts';
import { blockNamed } from '../blocks/registry.ts';
import { SeInjectError } from '../errors.ts';
import { type GraphView, producerOf, usesOf } from '../graph/view.ts';
import { encodeMetadata } from '../onnx/encode.ts';
import { formatName } from '../onnx/format-name.ts';
import { type BytePatch, patchBytes, patchedSource } from '../wire/patch.ts';
import { structureDigest } from './digest.ts';
import { EditList } from './edits.ts';
import { type OpenModel, openModel } from './model.ts';
import { type InjectionRecord, RECORD_KEY, type RecordedSite, readRecords, writeRecords } from './record.ts';
import { type FoundBlock, findRecordedBlock } from './recorded-block.ts';
import { listIds } from './select.ts';
import { undoRule } from './widths.ts';

/** What to take out. */
export interface StripOptions {
  /** Ids of the sites to take out of the last injection; all of them where absent. */
  readonly sites?: readonly string[];
  /** Blocks of your own that the model may hold, beside the built-in ones. */
  readonly blocks?: readonly BlockDefinition[];
}

/** The result of taking an injection out. */
export interface Stripped {
  /** The file without the blocks. */
  readonly patch: BytePatch;
  /** The injection that was undone. */
  readonly record: InjectionRecord;
  /** Ids of the sites whose blocks were taken out. */
  readonly removed: readonly string[];
  /** Whether the result is the file from before the injection, bit for bit but for trained weights. */
  readonly exact: boolean;
  /** What stood in the way: blocks that are not what the record says stay where they are. */
  readonly findings: readonly string[];
  /** The model without the blocks, opened and found sound. */
  readonly model: OpenModel;
}

/**
 * Takes the blocks of the last injection out again.
 *
 * The result is exact where its structure has the recorded digest. Blocks that were changed since are left in place and
 * named in `findings`. Throws `splice/no-record` where nothing was injected, `splice/invalid-record` for a record that
 * cannot be trusted, and `splice/cannot-strip` where no block is what the record says.
 *
 * @example
 * ```ts
 * const { patch, exact } = await strip(await openModel(source));
 * exact; // → true: the bytes are those of the file before
 * ```
 */
export async function strip(model: OpenModel, options: StripOptions = {}): Promise<Stripped> {
  const { file, view } = model;
  const { records, entry } = readRecords(file);
  const record = records.at(-1);
  if (record === undefined || entry === undefined) {
    throw new SeInjectError(
      'splice/no-record',
      'the model holds no record of an injection: it was not made by this tool, or its metadata was dropped',
      { details: { key: RECORD_KEY } },
    );
  }
  const block = options.blocks?.find(({ name }) => name === record.block) ?? blockNamed(record.block);
  const wanted = selectRecorded(record, options.sites);
  const list = new EditList(view);
  const removed = new Map<RecordedSite, FoundBlock>();
  const findings: string[] = [];
  for (const recorded of wanted) {
    const found = findRecordedBlock(view, recorded, block);
    const problems = [...found.findings, ...outputProblem(view, recorded, found.scaled)];
    findings.push(...problems.map((problem) => `${recorded.id}: ${problem}`));
    if (problems.length === 0) removed.set(recorded, found);
  }
  if (removed.size === 0) throw cannotStrip(findings);
  const gone = new Set([...removed.values()].flatMap(({ nodes }) => nodes));
  // Where a removed block had taken a graph output's name over, the tapped value gets its own name back.
  const restored = new Map(
    [...removed]
      .filter(([recorded, { scaled }]) => tookName(recorded, scaled))
      .map(([{ tapped, value }]) => [tapped, value]),
  );
  for (const [recorded, found] of removed) {
    for (const field of found.fields) list.replaceField(field);
    await restoreReaders(list, view, recorded, found.scaled, gone, restored);
  }
  const left = record.sites
    .filter((site) => !removed.has(site))
    .map((site) => ({ ...site, tapped: restored.get(site.tapped) ?? site.tapped }));
  // The widths are those of the whole edit: of a part of it they would be those of other fields.
  const rest = left.length === 0 ? [] : [{ ...record, sites: left, widths: {} }];
  const kept = [...records.slice(0, -1), ...rest];
  const metadata = kept.length === 0 ? undefined : encodeMetadata(RECORD_KEY, writeRecords(kept));
  list.replaceField(entry.span, metadata);
  const patch = patchBytes(file.source, list.edits, undoRule(left.length === 0 ? record.widths : {}));
  const stripped = await openModel(patchedSource(patch));
  const exact = (await structureDigest(stripped.file)) === record.digest;
  return {
    patch,
    record,
    removed: [...removed.keys()].map(({ id }) => id),
    exact,
    findings,
    model: stripped,
  };
}

function selectRecorded(
  record: InjectionRecord,
  ids: readonly string[] | undefined,
): readonly RecordedSite[] {
  if (ids === undefined) return record.sites;
  for (const id of ids) {
    if (record.sites.some((site) => site.id === id)) continue;
    const known = listIds(record.sites.map((site) => site.id));
    throw new SeInjectError(
      'sites/unknown-site',
      `site "${formatName(id)}" is not in the last injection: it has ${known}`,
      {
        details: { id },
      },
    );
  }
  return record.sites.filter((site) => ids.includes(site.id));
}

/** Tells whether the scaled value took the name of the tapped one over, as that of a graph output. */
function tookName({ value, tapped }: RecordedSite, scaled: string): boolean {
  return scaled === value && tapped !== value;
}

/** Gives every reader the tapped value back, under the name that it will have. */
async function restoreReaders(
  list: EditList,
  view: GraphView,
  recorded: RecordedSite,
  scaled: string,
  gone: ReadonlySet<number>,
  restored: ReadonlyMap<string, string>,
): Promise<void> {
  const { tapped, value } = recorded;
  const took = tookName(recorded, scaled);
  const from = took ? tapped : scaled;
  const to = restored.get(tapped) ?? tapped;
  for (const use of usesOf(view, from)) {
    if (use.kind === 'output' || (use.kind === 'input' && gone.has(use.node))) continue;
    await list.redirect(use, from, to);
  }
  const producer = view.producers.get(tapped);
  const node = producerOf(view, tapped);
  if (took && producer !== undefined && node !== undefined)
    await list.renameOutput(node, producer.output, value);
}

/** A name that goes cannot be one that the graph gives out by now, and one that comes back needs its value. */
function outputProblem(view: GraphView, recorded: RecordedSite, scaled: string): string[] {
  const took = tookName(recorded, scaled);
  const goes = took ? recorded.tapped : scaled;
  if (view.outputs.has(goes)) return [`value "${formatName(goes)}" was made a graph output since`];
  if (took && producerOf(view, goes) === undefined) return [`nothing gives value "${formatName(goes)}"`];
  return [];
}

function cannotStrip(findings: readonly string[]): SeInjectError {
  const [first = 'the record names no site'] = findings;
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : '';
  return new SeInjectError(
    'splice/cannot-strip',
    `no block is what the record says, so none was taken out: ${first}${more}`,
    { details: { findings } },
  );
}
