import { checkExternalData, hasExternalData } from '../onnx/external-data.ts';
import type { ModelFile } from '../onnx/model-file.ts';
import type { BytePatch } from '../wire/patch.ts';
import { openFolder } from './data-folder.ts';
import { planDataFiles } from './external-files.ts';
import { type FileIdentity, isFileSource } from './file-source.ts';
import { checkTarget } from './output-target.ts';
import { type WrittenModel, writeModel } from './write-model.ts';

/** A model that was rewritten, as `applyPlan`, `rewrite` and `strip` give it. */
export interface RewrittenModel {
  /** The file, as ranges of the original and new bytes. */
  readonly patch: BytePatch;
  /** What the file is read back as. */
  readonly model: {
    /** The messages of the file. */
    readonly file: ModelFile;
  };
}

/** How a model is saved. */
export interface SaveOptions {
  /** Whether files that are there may be replaced; the file that was read from never is. */
  readonly force?: boolean;
}

/**
 * Writes a rewritten model to a file, together with the data files that it needs in another folder.
 *
 * The file appears complete, synced and in one step, or not at all. Throws `node/output-exists`, `node/same-file`,
 * `node/not-found`, `node/not-a-file`, `node/io`, and the `onnx/external-data-...` errors.
 *
 * @example
 * ```ts
 * const source = await openFile('model.onnx');
 * const written = await saveModel(await rewrite(source), 'model.se.onnx');
 * written.bytes; // → 955342
 * await source.close();
 * ```
 */
export async function saveModel(
  { patch, model }: RewrittenModel,
  path: string,
  { force = false }: SaveOptions = {},
): Promise<WrittenModel> {
  const { source } = patch;
  const keep: FileIdentity[] = isFileSource(source) ? [source.identity] : [];
  const options = { force, keep };
  if (!hasExternalData(model.file)) {
    return writeModel({ patch, target: await checkTarget(path, options), options });
  }
  const folder = isFileSource(source) ? await openFolder(source.path) : undefined;
  try {
    const files = await checkExternalData(model.file, folder);
    if (folder === undefined) throw new TypeError('external data was found without a folder');
    for (const file of files) keep.push((await folder.open(file.path)).identity);
    const target = await checkTarget(path, options);
    const plan = await planDataFiles(files, folder, target, options);
    return await writeModel({ patch, target, options, data: { plan, folder } });
  } finally {
    await folder?.close();
  }
}
