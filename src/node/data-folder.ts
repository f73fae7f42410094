import { realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { SeInjectError } from '../errors.ts';
import { type DataFolder, externalDataMissing } from '../onnx/external-data.ts';
import { type FileSource, openFile } from './file-source.ts';
import { hasCode, ioError, quotePath } from './io-error.ts';

/** The folder of a model on disk, with its data files open for reading. */
export interface DiskFolder extends DataFolder {
  /** The data file with its links followed. */
  resolve(path: string): Promise<string>;
  open(path: string): Promise<FileSource>;
  /** Closes all data files. */
  close(): Promise<void>;
}

/**
 * Opens the folder in which a model lies, for its external data.
 *
 * A data file may be a link, as caches of downloaded models make them, as long as it ends in the folder of the model:
 * the one that its path names, or the one that the model itself is a link into.
 */
export async function openFolder(modelPath: string): Promise<DiskFolder> {
  const named = await realpath(dirname(modelPath));
  const real = dirname(await realpath(modelPath));
  const files = new Map<string, Promise<FileSource>>();

  async function resolve(path: string): Promise<string> {
    const full = join(named, path);
    let found: string;
    try {
      found = await realpath(full);
    } catch (error) {
      throw hasCode(error, 'ENOENT', 'ENOTDIR')
        ? externalDataMissing(path, error)
        : ioError(error, 'read', full);
    }
    if (isInside(named, found) || isInside(real, found)) return found;
    throw new SeInjectError(
      'onnx/external-data-path',
      `the model's data file ${quotePath(path)} is a link that leaves the model's folder, to ${quotePath(found)}: put a copy beside the model`,
      { details: { path, target: found } },
    );
  }

  function openData(path: string): Promise<FileSource> {
    let file = files.get(path);
    if (file === undefined) {
      file = resolve(path).then(openFile);
      files.set(path, file);
    }
    return file;
  }

  return {
    resolve,
    open: openData,
    size: async (path) => (await openData(path)).size,
    async close() {
      const opened = await Promise.allSettled(files.values());
      files.clear();
      for (const file of opened) if (file.status === 'fulfilled') await file.value.close();
    },
  };
}

/** Tells whether a real path lies in a real folder, at any depth. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !/^\.\.[/\\]/.test(way) && !/^([/\\]|[A-Za-z]:)/.test(way);
}
