import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { isSeInjectError } from '../errors.ts';
import { withTemporaryFolder } from '../node/temporary-file.ts';
import { writePatch } from '../node/write-patch.ts';
import type { VerifyReport } from '../verify/types.ts';
import { type BytePatch, patchBytes } from '../wire/patch.ts';
import type { VerifyMode } from './inject-options.ts';
import { type CliInput, DASH } from './open-input.ts';
import type { RunContext } from './run-context.ts';
import type { toRunOptions } from './verify-options.ts';

/** What was written, and how it is to be verified. */
export interface VerifyRequest {
  readonly input: CliInput;
  /** Where the rewritten model is; `-` for stdout. */
  readonly path: string;
  readonly patch: BytePatch;
  readonly mode: VerifyMode;
  readonly run: ReturnType<typeof toRunOptions>;
  readonly context: RunContext;
}

/**
 * Verifies what was written against what was read. Where models cannot be run at all, that is `unchecked`: the written
 * model stays, and is as sound as scan and lint can tell.
 */
export async function verifyOutput(request: VerifyRequest): Promise<VerifyReport | null> {
  const { input, path, patch, mode, run, context } = request;
  if (mode === 'off') return null;
  try {
    if (input.path !== DASH && path !== DASH) return await verifyPaths(input.path, path, run, context);
    // What came or went through a pipe is written down for the runtime, which wants files.
    return await withTemporaryFolder(async (folder) => {
      const before =
        input.path === DASH
          ? await writeTo(join(folder, 'before.onnx'), patchBytes(input.source, []))
          : input.path;
      const after = path === DASH ? await writeTo(join(folder, 'after.onnx'), patch) : path;
      return verifyPaths(before, after, run, context);
    });
  } catch (error) {
    if (!isSeInjectError(error) || error.code !== 'verify/runtime-missing') throw error;
    const detail = `the result was read back and linted; it was not run: ${error.message}`;
    const edit = { ok: false, findings: [{ level: 'unchecked' as const, code: 'not-run', message: detail }] };
    return { verdict: 'unchecked', detail, inputs: null, edit, providers: [] };
  }
}

/** Verifies two files. What runs models is loaded only here: most of it is not needed for the rest. */
export async function verifyPaths(
  before: string,
  after: string,
  { inputs, ...options }: ReturnType<typeof toRunOptions>,
  context: RunContext,
): Promise<VerifyReport> {
  const { verifyFiles } = await import('../node/verify-files.ts');
  const arrays = inputs === undefined ? undefined : await (await import('../node/npz.ts')).readArrays(inputs);
  return verifyFiles(before, after, {
    ...options,
    ...(arrays === undefined ? {} : { arrays }),
    onProgress: context.progress,
  });
}

async function writeTo(path: string, patch: BytePatch): Promise<string> {
  const file = await open(path, 'wx');
  try {
    await writePatch(patch, file);
  } finally {
    await file.close();
  }
  return path;
}
