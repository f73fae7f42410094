import type { BigIntStats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SeInjectError } from '../errors.ts';
import { type FileIdentity, specialKind } from './file-source.ts';
import { hasCode, ioError, quotePath } from './io-error.ts';

/** What may be done to a place where something is to be written. */
export interface OutputOptions {
  /** Whether a file that is there may be replaced. */
  readonly force: boolean;
  /** Files that are never replaced, force or not: what is read from. */
  readonly keep: readonly FileIdentity[];
}

/** A place that was found fit to be written to. */
export interface OutputTarget {
  /** The path as given, for messages. */
  readonly shown: string;
  /** The path with the links of its folders, and its own, followed. */
  readonly path: string;
  /** The folder of `path`. */
  readonly folder: string;
  /** Permissions of the file that is to be replaced, where there is one. */
  readonly mode: number | undefined;
}

/**
 * Looks whether a file may be written at a path, before any work is done; {@link StagedFile.commit} looks again.
 *
 * A link to a file stands for that file. Throws `node/not-found` where the folder is missing, `node/not-a-file` where
 * something is there that is no regular file, `node/same-file` where it is one of those to keep, under whatever name,
 * and `node/output-exists` where a file is there and `force` is not given.
 */
export async function checkTarget(path: string, options: OutputOptions): Promise<OutputTarget> {
  const parent = dirname(path);
  const folder = await realpath(parent).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) {
      throw new SeInjectError(
        'node/not-found',
        `cannot write ${quotePath(path)}: the folder ${quotePath(parent)} does not exist, create it first`,
        { details: { path, folder: parent } },
      );
    }
    throw ioError(error, 'write', path);
  });
  const found = await statOf(path);
  if (found === undefined) {
    if (/[/\\]$/.test(path)) throw notAFile(path, 'a folder');
    return { shown: path, path: join(folder, basename(path)), folder, mode: undefined };
  }
  assertReplaceable(path, found, options);
  const real = await realpath(path).catch((error: unknown) => {
    throw ioError(error, 'write', path);
  });
  return { shown: path, path: real, folder: dirname(real), mode: Number(found.mode) & 0o777 };
}

/** Throws unless the file that is at the target now may be replaced. */
export function assertReplaceable(path: string, found: BigIntStats, { force, keep }: OutputOptions): void {
  const kind = specialKind(found);
  if (kind !== undefined) throw notAFile(path, kind);
  if (keep.some((file) => isSameFile(file, found))) {
    throw new SeInjectError(
      'node/same-file',
      `${quotePath(path)} is the file that is read from: choose another output`,
      { details: { path } },
    );
  }
  if (!force) throw outputExists(path);
}

/** Tells whether two paths lead to one file, by device and inode. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** The file at a path, or nothing where there is none. A link to nothing is something, and is refused. */
export async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw ioError(error, 'write', path);
  }
  const link = await lstat(path).catch(() => undefined);
  if (link === undefined) return undefined;
  throw new SeInjectError(
    'node/output-exists',
    `${quotePath(path)} is a link to a file that does not exist: remove it or choose another output`,
    { details: { path } },
  );
}

/** The error for a file that is there, unasked. */
export function outputExists(path: string): SeInjectError {
  return new SeInjectError(
    'node/output-exists',
    `${quotePath(path)} exists: use --force to replace it, or -o to write elsewhere`,
    { details: { path } },
  );
}

function notAFile(path: string, kind: string): SeInjectError {
  return new SeInjectError(
    'node/not-a-file',
    `cannot write ${quotePath(path)}: it is ${kind}, give the path of a file, or "-" for stdout`,
    { details: { path, kind } },
  );
}
