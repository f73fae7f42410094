import { inferTypes } from '../graph/infer.ts';
import { assertSound } from '../graph/lint.ts';
import type { ValueTypes } from '../graph/types.ts';
import { type GraphView, viewGraph } from '../graph/view.ts';
import type { ModelFile } from '../onnx/model-file.ts';
import { scanModel } from '../onnx/scan.ts';
import type { ByteSource } from '../wire/byte-source.ts';

/** A model in its three shapes: the bytes (`file.source`), the model as written, the graph view with its types. */
export interface OpenModel {
  /** The model as written, over the bytes. */
  readonly file: ModelFile;
  /** What its graph means. */
  readonly view: GraphView;
  /** Types of its values, as far as they could be told. */
  readonly types: ValueTypes;
}

/**
 * Opens a model: scans it without its weights and checks that its graph is sound; its types are inferred when asked for.
 *
 * Throws the `wire/...` and `onnx/...` errors of `scanModel` and the `graph/...` errors of the lint.
 *
 * @example
 * ```ts
 * const model = await openModel(memorySource(bytes));
 * findSites(model.view, model.types).sites.length; // → 16 on a ResNet-50
 * ```
 */
export async function openModel(source: ByteSource): Promise<OpenModel> {
  const file = await scanModel(source);
  assertSound(file);
  const view = viewGraph(file);
  let types: ValueTypes | undefined;
  return {
    file,
    view,
    // Not before somebody asks: a rewritten model is opened to be checked, and written without.
    get types() {
      types ??= inferTypes(view);
      return types;
    },
  };
}
