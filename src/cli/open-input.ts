import { type DiskFolder, openFolder } from '../node/data-folder.ts';
import { type FileIdentity, type FileSource, openFile } from '../node/file-source.ts';
import { ioError } from '../node/io-error.ts';
import { streamSource } from '../node/stdin-source.ts';
import { checkExternalData, type ExternalDataFile, hasExternalData } from '../onnx/external-data.ts';
import type { ModelFile } from '../onnx/model-file.ts';
import type { ByteSource } from '../wire/byte-source.ts';
import type { CliIo } from './io.ts';

/** The path that stands for stdin, or for stdout. */
export const DASH = '-';

/** A model that a command reads. */
export interface CliInput {
  /** As given. */
  readonly path: string;
  readonly source: ByteSource;
  /** The model's file, unless it came through a pipe. */
  readonly file: FileSource | undefined;
}

/** The data files beside a model. */
export interface CliData {
  readonly files: readonly ExternalDataFile[];
  /** Undefined for a model without external data, or one from a pipe. */
  readonly folder: DiskFolder | undefined;
}

/** Opens a model, hands it on, and closes it whatever happens. */
export async function withInput<T>(
  path: string,
  io: CliIo,
  use: (input: CliInput) => Promise<T>,
): Promise<T> {
  if (path === DASH) {
    const source = await streamSource(io.stdin).catch((error: unknown) => {
      throw ioError(error, 'read', 'stdin');
    });
    return use({ path, source, file: undefined });
  }
  const file = await openFile(path);
  try {
    return await use({ path, source: file, file });
  } finally {
    await file.close();
  }
}

/** Checks a model's external data, hands it on, and closes its files. */
export async function withData<T>(
  input: CliInput,
  model: ModelFile,
  use: (data: CliData) => Promise<T>,
): Promise<T> {
  if (!hasExternalData(model)) return use({ files: [], folder: undefined });
  const folder = input.file === undefined ? undefined : await openFolder(input.path);
  try {
    return await use({ files: await checkExternalData(model, folder), folder });
  } finally {
    await folder?.close();
  }
}

/** The files that an output must not replace: the model and its data. */
export async function filesRead(input: CliInput, data: CliData): Promise<readonly FileIdentity[]> {
  const keep: FileIdentity[] = input.file === undefined ? [] : [input.file.identity];
  for (const { path } of data.files) {
    const file = await data.folder?.open(path);
    if (file !== undefined) keep.push(file.identity);
  }
  return keep;
}
