/** Loading a model patched in memory without copying its weights: they are read where they are, out of its own file. */
import { encodeExternalInitializer } from '../onnx/encode.ts';
import type { TensorProto } from '../onnx/model-file.ts';
import type { OpenModel } from '../splice/index.ts';
import { type Edit, patchBytes, patchedBytes } from '../wire/patch.ts';
import type { ExternalData, ModelSource } from './runtime.ts';

/** The file that a model was read from: a folder, and a name within it that is no link. */
export interface HomeFile {
  readonly folder: string;
  readonly name: string;
}

/** How a patched model gets at its weights. */
export interface WeightHome {
  /** Where the model's own external data lies. */
  readonly externalData?: ExternalData | undefined;
  /** The model's file, where its weights may be read out of it. */
  readonly file?: HomeFile | undefined;
}

/** Smaller tensors are copied: runtimes fold constants by their values, and a reference is not much shorter. */
const LEAST_BYTES = 4096;

/**
 * A model with edits, to be loaded: small, its large initializers referring to their bytes in the model's own file, as
 * far as the runtime can read them there. Without such a file, or where there is external data beside it, the weights
 * are copied.
 */
export async function patchedModel(
  { file, view }: OpenModel,
  edits: readonly Edit[],
  { externalData, file: home }: WeightHome,
): Promise<ModelSource> {
  const { initializer } = view.graph;
  if (home === undefined || !isWhole(initializer))
    return { bytes: await patchedBytes(patchBytes(file.source, edits)), externalData };
  const gone = new Set(edits.filter(({ remove }) => remove > 0).map(({ offset }) => offset));
  const references = initializer.flatMap((tensor) =>
    gone.has(tensor.span.start) ? [] : toReference(tensor, home),
  );
  const bytes = await patchedBytes(patchBytes(file.source, [...edits, ...references]));
  return { bytes, externalData: { folder: home.folder } };
}

/** A model as it is, loaded in the same way where that can be done, else from its own source. */
export async function leanModel(
  model: OpenModel,
  source: ModelSource,
  file: HomeFile | undefined,
): Promise<ModelSource> {
  return file === undefined || !isWhole(model.view.graph.initializer)
    ? source
    : patchedModel(model, [], { file });
}

/** Whether all of a model lies in its file: references into two folders cannot be had. */
function isWhole(initializers: readonly TensorProto[]): boolean {
  return initializers.every(({ data }) => data.location !== 'external');
}

function toReference(
  { span, name, dims, dataType, data }: TensorProto,
  { name: location }: HomeFile,
): Edit[] {
  if (data.location !== 'file' || data.field !== 'rawData' || data.parts.length !== 1) return [];
  const [{ offset, length } = { offset: 0, length: 0 }] = data.parts;
  if (length < LEAST_BYTES) return [];
  const insert = encodeExternalInitializer({ name, dims, dataType }, { location, offset, length });
  return [{ within: span.parent, offset: span.start, remove: span.end - span.start, insert }];
}
