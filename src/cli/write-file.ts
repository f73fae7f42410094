import type { FileIdentity } from '../node/file-source.ts';
import { checkTarget, type OutputOptions } from '../node/output-target.ts';
import { writeModel } from '../node/write-model.ts';
import { streamPatch } from '../node/write-patch.ts';
import { memorySource } from '../wire/byte-source.ts';
import { patchBytes } from '../wire/patch.ts';
import type { CliIo } from './io.ts';
import { DASH } from './open-input.ts';

/** A file that is to be written beside a model: a plan, weights, a manifest. */
export interface FileRequest {
  readonly path: string;
  readonly force: boolean;
  /** Files that must not be replaced: what is read from. */
  readonly keep: readonly FileIdentity[];
  readonly io: CliIo;
}

/**
 * Looks whether a file can be written, before the work, and gives what writes it: under a temporary name first, so that
 * a file that is seen is complete. `-` is stdout.
 */
export async function prepareFile({
  path,
  force,
  keep,
  io,
}: FileRequest): Promise<(bytes: Uint8Array) => Promise<void>> {
  if (path === DASH) {
    return async (bytes) => {
      await streamPatch(patchBytes(memorySource(bytes), []), io.stdout);
    };
  }
  const options: OutputOptions = { force, keep };
  const target = await checkTarget(path, options);
  return async (bytes) => {
    await writeModel({ patch: patchBytes(memorySource(bytes), []), target, options });
  };
}
