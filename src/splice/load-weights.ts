import type { BlockDefinition } from '../blocks/block.ts';
import { encodeConstantNode, encodeInitializer, encodeMetadata } from '../onnx/encode.ts';
import { type BytePatch, patchBytes, patchedSource } from '../wire/patch.ts';
import { heldBlocks, weightHome } from './block-weights.ts';
import { EditList } from './edits.ts';
import { type GivenWeights, matchWeights, weightsDigest } from './given-weights.ts';
import { type OpenModel, openModel } from './model.ts';
import { RECORD_KEY, type RecordedSite, readRecords, writeRecords } from './record.ts';

/** A model whose blocks have got other weights. */
export interface Reloaded {
  /** The file with the weights, as ranges of the one before and new bytes. */
  readonly patch: BytePatch;
  /** Ids of the sites whose blocks have got weights. */
  readonly sites: readonly string[];
  /** The model with the weights, opened and found sound. */
  readonly model: OpenModel;
}

/**
 * Brings trained weights back into the blocks that a model holds; nothing else changes, and the record says what was
 * loaded.
 *
 * Throws `blocks/invalid-weights`, which lists all that do not fit, `splice/no-record` where there are no blocks, and
 * `splice/cannot-strip` for blocks that were changed.
 *
 * @example
 * ```ts
 * const { patch } = await loadWeights(model, { arrays: parseWeights(await readFile('trained.safetensors')) });
 * ```
 */
export async function loadWeights(
  model: OpenModel,
  given: GivenWeights,
  blocks: readonly BlockDefinition[] = [],
): Promise<Reloaded> {
  const { file, view } = model;
  const { records, entry } = readRecords(file);
  const held = heldBlocks(model, records, blocks);
  const matched = matchWeights(
    held.map(({ weights }) => weights),
    given,
  );
  const list = new EditList(view);
  const loaded = new Map<RecordedSite, RecordedSite>();
  for (const [index, { recorded, block, weights }] of held.entries()) {
    const stored = matched[index] ?? new Map();
    for (const { local, spec, dataType } of weights) {
      const name = recorded.names[local] ?? '';
      const home = weightHome(view, name);
      const numbers = stored.get(local);
      if (home === undefined || numbers === undefined) continue;
      const tensor = { name, dims: spec.dims, dataType, numbers };
      if (home.node === undefined) list.replaceField(home.tensor.span, encodeInitializer(tensor));
      else list.replaceField(home.node.span, encodeConstantNode(tensor));
    }
    const { site, options } = recorded;
    const digest = weightsDigest(block.weights(site, options), site.dataType, (local) => stored.get(local));
    loaded.set(recorded, { ...recorded, weights: digest });
  }
  const updated = records.map((record) => ({
    ...record,
    sites: record.sites.map((site) => loaded.get(site) ?? site),
  }));
  if (entry !== undefined) list.replaceField(entry.span, encodeMetadata(RECORD_KEY, writeRecords(updated)));
  const patch = patchBytes(file.source, list.edits);
  return {
    patch,
    sites: held.map(({ recorded }) => recorded.id),
    model: await openModel(patchedSource(patch)),
  };
}
