import type { BlockDefinition } from '../blocks/block.ts';
import { blockNamed } from '../blocks/registry.ts';
import { SeInjectError } from '../errors.ts';
import { encodeGraphOutput } from '../onnx/encode.ts';
import { findRecordedBlock, type OpenModel, type RecordedSite, readRecords } from '../splice/index.ts';
import { concatBytes } from '../wire/bytes.ts';
import { type BytePatch, patchBytes } from '../wire/patch.ts';

/** A block whose gate can be read. */
export interface GateSite {
  readonly id: string;
  readonly block: string;
  /** Name of the gate's value in the model. */
  readonly value: string;
  readonly channels: number;
  /** The least and the most that the gate can be; null where its block does not say. */
  readonly bounds: readonly [low: number, high: number] | null;
  readonly parameters: number;
  /** Multiply-accumulates for a sample; null where sizes are open. */
  readonly macs: number | null;
  /** Whether the block belongs to the last injection, which `strip` takes out first. */
  readonly isLast: boolean;
}

/** A model whose gates are outputs. */
export interface OpenGates {
  readonly patch: BytePatch;
  readonly sites: readonly GateSite[];
  /** Blocks that are not what the record says, and why. */
  readonly findings: readonly string[];
}

/** Bounds of the gates by their option; those of blocks without one are their own business. */
const BOUNDS: ReadonlyMap<string, readonly [low: number, high: number]> = new Map([
  ['sigmoid', [0, 1]],
  ['hardsigmoid', [0, 1]],
  ['2*sigmoid', [0, 2]],
  ['2*hardsigmoid', [0, 2]],
]);

/** Whether a block multiplies something with its gate: some add theirs. */
function multiplies(block: BlockDefinition, { site, options }: RecordedSite): boolean {
  return block.build(site, options).some(({ opType, inputs }) => opType === 'Mul' && inputs.includes('gate'));
}

/**
 * Makes the gates of all recorded blocks outputs of the model, behind its own.
 *
 * Throws `splice/no-record` where nothing was injected, and what reading the record throws.
 *
 * @example
 * ```ts
 * const { sites, patch } = openGates(await openModel(source));
 * sites[0]; // → { id: '2_1', value: 'relu_3/se/gate', channels: 64, ... }
 * ```
 */
export function openGates(model: OpenModel, blocks: readonly BlockDefinition[] = []): OpenGates {
  const { view, file } = model;
  const { records } = readRecords(file);
  if (records.length === 0) {
    throw new SeInjectError(
      'splice/no-record',
      'the model holds no record of an injection, so its gates are not known: inject with this tool',
    );
  }
  const sites: GateSite[] = [];
  const findings: string[] = [];
  const outputs: string[] = [];
  for (const [index, record] of records.entries()) {
    const block = blocks.find(({ name }) => name === record.block) ?? blockNamed(record.block);
    for (const recorded of record.sites) {
      const found = findRecordedBlock(view, recorded, block);
      const value = recorded.names['gate'];
      const isGate = value !== undefined && multiplies(block, recorded);
      const [problem = isGate ? undefined : 'its block has no gate that the features are multiplied by'] =
        found.findings;
      if (problem !== undefined || value === undefined) {
        findings.push(`${recorded.id}: ${problem ?? ''}`);
        continue;
      }
      const { parameters, macs } = block.cost(recorded.site, recorded.options);
      sites.push({
        id: recorded.id,
        block: record.block,
        value,
        channels: recorded.site.channels,
        bounds: BOUNDS.get(String(recorded.options['gate'])) ?? null,
        parameters,
        macs,
        isLast: index === records.length - 1,
      });
      if (!view.outputs.has(value)) outputs.push(value);
    }
  }
  const insert = concatBytes(outputs.map(encodeGraphOutput));
  const last = view.graph.output.at(-1)?.span;
  const segment = view.graph.segments.at(-1);
  const place =
    last !== undefined
      ? { within: last.parent, offset: last.end }
      : segment === undefined
        ? undefined
        : { within: segment, offset: segment.end };
  const edits = place === undefined ? [] : [{ ...place, remove: 0, insert }];
  return { patch: patchBytes(file.source, edits), sites, findings };
}
