import { mkdir, realpath, rmdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { SeInjectError } from '../errors.ts';
import type { ExternalDataFile } from '../onnx/external-data.ts';
import { type DiskFolder, isInside } from './data-folder.ts';
import { type FileSource, openFile } from './file-source.ts';
import { ioError, quotePath } from './io-error.ts';
import { checkTarget, isSameFile, type OutputOptions, type OutputTarget, statOf } from './output-target.ts';
import { type StagedFile, stageCopy } from './staged-file.ts';

/** What becomes of one data file of a model that is written. */
export interface DataFileFate {
  /** Path relative to the model's folder. */
  readonly path: string;
  /** Its size. */
  readonly bytes: number;
  /** `kept` where the output finds it in place; `copied` where it must come along to another folder. */
  readonly fate: 'kept' | 'copied';
}

/** How the data files of a model reach the folder of the output. */
export interface DataFilePlan {
  readonly files: readonly DataFileFate[];
  /** Bytes to be copied. */
  readonly copyBytes: number;
}

/**
 * Decides for each data file whether it must be copied, before anything is written.
 *
 * Next to its own model's folder nothing is to be done. In another folder a file that is the same, by inode or byte for
 * byte, is kept; another one in its place is `node/output-exists` without `force`. Data is copied and never linked:
 * checkers refuse links, and an original would go down with its copy.
 */
export async function planDataFiles(
  files: readonly ExternalDataFile[],
  folder: DiskFolder | undefined,
  output: OutputTarget,
  options: OutputOptions,
): Promise<DataFilePlan> {
  const plan: DataFileFate[] = [];
  for (const { path, bytes } of files) {
    const isInPlace =
      folder === undefined || (await isThere(await folder.open(path), join(output.folder, path)));
    if (!isInPlace) await checkCopyTarget(path, output, options);
    plan.push({ path, bytes, fate: isInPlace ? 'kept' : 'copied' });
  }
  const copied = plan.filter(({ fate }) => fate === 'copied');
  return { files: plan, copyBytes: copied.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Copies the planned files beside their targets under temporary names; they appear when each is committed. */
export async function stageDataFiles(
  plan: DataFilePlan,
  folder: DiskFolder,
  output: OutputTarget,
  options: OutputOptions,
): Promise<StagedDataFiles> {
  const staged: StagedFile[] = [];
  const made: string[] = [];
  const undo = async (): Promise<void> => {
    for (const file of staged) await file.undo();
    // Folders that are not empty stay: somebody else uses them.
    for (const path of made.reverse()) await rmdir(path).catch(() => {});
  };
  try {
    for (const { path, fate } of plan.files) {
      if (fate === 'kept') continue;
      made.push(...(await makeFolders(output.folder, dirname(path))));
      const target = await checkCopyTarget(path, output, options);
      staged.push(await stageCopy(await folder.resolve(path), target, options));
    }
  } catch (error) {
    await undo();
    throw error;
  }
  return { files: staged, undo };
}

/** Data files that are complete under temporary names. */
export interface StagedDataFiles {
  readonly files: readonly StagedFile[];
  /** Takes the copies away again, and the folders that were made for them. */
  readonly undo: () => Promise<void>;
}

async function checkCopyTarget(
  path: string,
  output: OutputTarget,
  options: OutputOptions,
): Promise<OutputTarget> {
  const full = join(output.folder, path);
  if (full === output.path) {
    throw new SeInjectError(
      'node/same-file',
      `${quotePath(output.shown)} is also the name of the model's data file: choose another output`,
      { details: { path: output.shown } },
    );
  }
  // The folders on the way may be missing, and one that is there may be a link that leads away.
  const existing = await nearestFolder(dirname(full));
  if (existing !== output.folder && !isInside(output.folder, existing)) {
    throw new SeInjectError(
      'onnx/external-data-path',
      `the model's data file ${quotePath(path)} would be copied out of the folder of the output, to ${quotePath(existing)}: choose another output folder`,
      { details: { path, target: existing } },
    );
  }
  const there = await statOf(full);
  if (there === undefined) return { shown: full, path: full, folder: dirname(full), mode: undefined };
  return checkTarget(full, options);
}

async function isThere(source: FileSource, path: string): Promise<boolean> {
  const found = await statOf(path);
  if (found === undefined || !found.isFile()) return false;
  if (isSameFile(source.identity, found)) return true;
  if (Number(found.size) !== source.size) return false;
  const other = await openFile(path);
  try {
    return await sameContent(source, other);
  } finally {
    await other.close();
  }
}

const COMPARED_AT_ONCE = 4 * 1024 * 1024;

async function sameContent(a: FileSource, b: FileSource): Promise<boolean> {
  for (let at = 0; at < a.size; at += COMPARED_AT_ONCE) {
    const length = Math.min(COMPARED_AT_ONCE, a.size - at);
    const [left, right] = await Promise.all([a.read(at, length), b.read(at, length)]);
    if (Buffer.compare(left, right) !== 0) return false;
  }
  return true;
}

async function nearestFolder(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const real = await realpath(at).catch(() => undefined);
    if (real !== undefined) return real;
    if (dirname(at) === at) return at;
  }
}

/** Makes the folders below `root` one by one, and says which were new. */
async function makeFolders(root: string, path: string): Promise<string[]> {
  const made: string[] = [];
  let at = root;
  for (const part of relative(root, join(root, path)).split(sep)) {
    if (part === '') continue;
    at = join(at, part);
    try {
      await mkdir(at);
      made.push(at);
    } catch (error) {
      if ((await statOf(at))?.isDirectory() !== true) throw ioError(error, 'create the folder', at);
    }
  }
  return made;
}
