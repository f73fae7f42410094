import { constants, copyFile, type FileHandle, link, open, rename, stat, unlink } from 'node:fs/promises';
import { hasCode, ioError } from './io-error.ts';
import { assertReplaceable, type OutputOptions, type OutputTarget, outputExists } from './output-target.ts';
import { guardTemporary, releaseTemporary, temporaryPath } from './temporary-file.ts';

/** A file that is complete under a temporary name beside its target, and appears there in one step or not at all. */
export interface StagedFile {
  readonly target: OutputTarget;
  /** Gives the file its name; throws `node/output-exists` where one appeared there meanwhile and force is not given. */
  commit(): Promise<void>;
  /** Takes it away again: the temporary file, or after a commit the file itself where it took no other one's place. */
  undo(): Promise<void>;
}

/** The steps of the file system that differ between systems, as a parameter for tests. */
export interface StagingSystem {
  readonly link: typeof link;
}

/**
 * Creates a temporary file beside a target and lets `write` fill it.
 *
 * It is created exclusively under a name that cannot be guessed, and removed where `write` fails or the process is
 * interrupted.
 */
export async function stageFile(
  target: OutputTarget,
  options: OutputOptions,
  write: (file: FileHandle) => Promise<void>,
  system: StagingSystem = { link },
): Promise<StagedFile> {
  const path = temporaryPath(target.folder);
  return staged(path, target, options, system, async () => {
    const file = await open(path, 'wx', target.mode ?? 0o666);
    try {
      // The mask of the process took bits away that the file to be replaced has.
      if (target.mode !== undefined) await file.chmod(target.mode);
      await write(file);
    } finally {
      await file.close();
    }
  });
}

/** Stages a copy of a file, sharing its blocks where the file system can (copy-on-write). */
export async function stageCopy(
  source: string,
  target: OutputTarget,
  options: OutputOptions,
): Promise<StagedFile> {
  const path = temporaryPath(target.folder);
  return staged(path, target, options, { link }, async () => {
    await copyFile(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const file = await open(path, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

async function staged(
  temporary: string,
  target: OutputTarget,
  options: OutputOptions,
  system: StagingSystem,
  fill: () => Promise<void>,
): Promise<StagedFile> {
  /** Where the file is now. */
  let at: string | undefined = temporary;
  const file: StagedFile = {
    target,
    async commit() {
      try {
        await publish(temporary, target, options, system);
        at = target.mode === undefined ? target.path : undefined;
        releaseTemporary(temporary);
      } catch (error) {
        throw ioError(error, 'write', target.shown);
      }
    },
    async undo() {
      if (at !== undefined) await unlink(at).catch(() => {});
      at = undefined;
      releaseTemporary(temporary);
    },
  };
  guardTemporary(temporary);
  try {
    await fill();
    return file;
  } catch (error) {
    await file.undo();
    throw ioError(error, 'write', target.shown);
  }
}

async function publish(
  temporary: string,
  target: OutputTarget,
  options: OutputOptions,
  system: StagingSystem,
): Promise<void> {
  if (options.force) {
    const found = await stat(target.path, { bigint: true }).catch(() => undefined);
    if (found !== undefined) assertReplaceable(target.shown, found, options);
    await rename(temporary, target.path);
    return;
  }
  // A rename would replace a file that appeared meanwhile; a link refuses to.
  try {
    await system.link(temporary, target.path);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) throw outputExists(target.shown);
    // File systems without hard links (FAT, some network ones): an empty file takes the name first, exclusively.
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL', 'UNKNOWN'))
      throw error;
    await reserve(target);
    await rename(temporary, target.path);
    return;
  }
  await unlink(temporary);
}

async function reserve(target: OutputTarget): Promise<void> {
  try {
    await (await open(target.path, 'wx')).close();
  } catch (error) {
    throw hasCode(error, 'EEXIST') ? outputExists(target.shown) : error;
  }
}
