import type { BytePatch } from '../wire/patch.ts';
import type { DiskFolder } from './data-folder.ts';
import {
  type DataFileFate,
  type DataFilePlan,
  type StagedDataFiles,
  stageDataFiles,
} from './external-files.ts';
import type { OutputOptions, OutputTarget } from './output-target.ts';
import { type StagedFile, stageFile } from './staged-file.ts';
import { type WriteTimings, writePatch } from './write-patch.ts';

/** A model that is to be written to disk. */
export interface ModelWrite {
  readonly patch: BytePatch;
  /** From `checkTarget`. */
  readonly target: OutputTarget;
  readonly options: OutputOptions;
  /** From `planDataFiles`; left out for a model without external data. */
  readonly data?: { readonly plan: DataFilePlan; readonly folder: DiskFolder } | undefined;
}

/** A model that was written to disk. */
export interface WrittenModel {
  /** Where it is, links followed. */
  readonly path: string;
  /** Number of bytes of the model's file. */
  readonly bytes: number;
  /** Its data files, and whether they had to come along. */
  readonly dataFiles: readonly DataFileFate[];
  /** Where the time went. */
  readonly timings: WriteTimings;
}

/**
 * Writes a model and the data files that it takes along.
 *
 * All are written under temporary names first, then the data files and at last the model get their names, so that a
 * model that is seen is complete. Where anything fails, nothing of it stays.
 */
export async function writeModel({ patch, target, options, data }: ModelWrite): Promise<WrittenModel> {
  let timings: WriteTimings = { writeMs: 0, syncMs: 0 };
  let staged: StagedDataFiles | undefined;
  let model: StagedFile | undefined;
  try {
    if (data !== undefined) staged = await stageDataFiles(data.plan, data.folder, target, options);
    model = await stageFile(target, options, async (file) => {
      timings = await writePatch(patch, file);
    });
    for (const file of staged?.files ?? []) await file.commit();
    await model.commit();
  } catch (error) {
    await model?.undo();
    await staged?.undo();
    throw error;
  }
  return { path: target.path, bytes: patch.size, dataFiles: data?.plan.files ?? [], timings };
}
