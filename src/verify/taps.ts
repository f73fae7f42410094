import { encodeGraphOutput } from '../onnx/encode.ts';
import type { OpenModel } from '../splice/index.ts';
import { concatBytes } from '../wire/bytes.ts';
import type { Edit } from '../wire/patch.ts';
import { patchedModel, type WeightHome } from './lean.ts';
import type { ModelSource } from './runtime.ts';

/** The edit that makes inner values outputs too, behind the graph's own, with other fields of the graph after them. */
export function tapEdit(
  { view }: OpenModel,
  values: Iterable<string>,
  more: readonly Uint8Array[] = [],
): Edit {
  const added = [...new Set(values)].filter((value) => !view.outputs.has(value)).map(encodeGraphOutput);
  const insert = concatBytes([...added, ...more]);
  const last = view.graph.output.at(-1)?.span;
  const segment = view.graph.segments.at(-1);
  if (last !== undefined) return { within: last.parent, offset: last.end, remove: 0, insert };
  return { within: segment, offset: segment?.end ?? 0, remove: 0, insert };
}

/** A model with inner values as outputs. */
export function tappedModel(
  model: OpenModel,
  values: Iterable<string>,
  home: WeightHome,
): Promise<ModelSource> {
  return patchedModel(model, [tapEdit(model, values)], home);
}
