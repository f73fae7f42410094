import { type ErrorCode, SeInjectError } from '../errors.ts';
import { escapeControls } from '../onnx/format-name.ts';

/** What an operating system's error means for the one who gave the path. */
const MEANINGS: ReadonlyMap<string, readonly [code: ErrorCode, meaning: string]> = new Map([
  ['ENOENT', ['node/not-found', 'there is no such file or folder']],
  ['ENOTDIR', ['node/not-found', 'a part of the path is no folder']],
  ['EISDIR', ['node/not-a-file', 'it is a folder']],
  ['ELOOP', ['node/not-found', 'its links lead in a circle']],
  ['EEXIST', ['node/output-exists', 'it exists: use --force to replace it']],
  ['EACCES', ['node/io', 'permission denied: change the permissions or choose another folder']],
  ['EPERM', ['node/io', 'permission denied: change the permissions or choose another folder']],
  ['EROFS', ['node/io', 'the file system is read-only: choose another folder']],
  ['ENOSPC', ['node/io', 'the disk is full: free space or choose another folder']],
  ['EDQUOT', ['node/io', 'the disk quota is used up: free space or choose another folder']],
  ['EFBIG', ['node/io', 'the file would be larger than the system allows here']],
  ['ENAMETOOLONG', ['node/io', 'the name is too long']],
  ['EMFILE', ['node/io', 'too many files are open']],
  ['EPIPE', ['node/io', 'the reader has gone']],
]);

/**
 * Turns an error of the operating system into one of ours: what was tried, on which path, what it means.
 *
 * Errors of other kinds are returned as they are: they are faults, and their stack is wanted.
 *
 * @internal
 */
export function ioError(error: unknown, action: string, path: string): Error {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return error instanceof Error ? error : new Error(String(error));
  // Errors that are already ours pass through, and so do Node's own (ERR_...), which are faults.
  if (error.code.includes('/') || error.code.startsWith('ERR_')) return error;
  const [code, meaning] = MEANINGS.get(error.code) ?? ['node/io', `the system says ${error.code}`];
  return new SeInjectError(code, `cannot ${action} ${quotePath(path)}: ${meaning}`, {
    details: { path, system: error.code },
    cause: error,
  });
}

/** Tells an error of the operating system by its code. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
  );
}

/**
 * A path in quotes, in full, with its control characters escaped: file names can hold them.
 *
 * @internal
 */
export function quotePath(path: string): string {
  return `"${escapeControls(path)}"`;
}
