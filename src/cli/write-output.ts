import { type DataFilePlan, planDataFiles } from '../node/external-files.ts';
import { checkTarget, type OutputOptions, type OutputTarget } from '../node/output-target.ts';
import { writeModel } from '../node/write-model.ts';
import { streamPatch, type WriteTimings } from '../node/write-patch.ts';
import { formatBytes } from '../report/format.ts';
import type { DataFileReport } from '../report/report.ts';
import type { BytePatch } from '../wire/patch.ts';
import { usageError } from './failure.ts';
import { type CliData, type CliInput, DASH, filesRead } from './open-input.ts';
import type { RunContext } from './run-context.ts';

/** Bytes from which on a write takes more than a moment. */
const LONG_WRITE = 256 * 1024 * 1024;

/** An output that was found fit to be written, before the work is done. */
export interface PreparedOutput {
  /** As given, or as derived from the input. */
  readonly path: string;
  /** Writes the patched file. */
  write(
    patch: BytePatch,
  ): Promise<{ readonly timings: WriteTimings; readonly dataFiles: readonly DataFileReport[] }>;
}

/** How an output may be written. */
export interface OutputRequest {
  readonly path: string;
  readonly force: boolean;
  /** Who is told of copies of data files before they are made, and of a write that takes long. */
  readonly context: Pick<RunContext, 'io' | 'warn' | 'progress'>;
}

/**
 * The value of `-o`, where it was given.
 *
 * Throws `cli/usage` where there is more than one input for it.
 */
export function outputOption(values: Readonly<Record<string, unknown>>, inputs: number): string | undefined {
  if (values['output'] === undefined) return undefined;
  if (inputs > 1)
    throw usageError(`-o names one file, and there are ${inputs} inputs: leave it out, or run once for each`);
  return String(values['output']);
}

/**
 * Looks whether an output can be written, so that a mistake shows before the work and not after it.
 *
 * On stdout, data files cannot come along: they are named.
 */
export async function prepareOutput(
  request: OutputRequest,
  input: CliInput,
  data: CliData,
): Promise<PreparedOutput> {
  const { path, force, context } = request;
  const { io, warn } = context;
  const announce = (bytes: number): void => {
    if (bytes > LONG_WRITE) context.progress(`writing ${formatBytes(bytes)}`);
  };
  if (path === DASH) {
    if (io.stdout.isTTY === true) {
      throw usageError('stdout is a terminal, which a model would garble: redirect it, or use -o FILE');
    }
    const dataFiles = data.files.map((file) => ({
      path: file.path,
      bytes: file.bytes,
      fate: 'kept' as const,
    }));
    return {
      path,
      async write(patch) {
        announce(patch.size);
        if (dataFiles.length > 0) {
          warn(
            `the model refers to ${dataFiles.length} data file(s) in the folder of the input: put it there`,
          );
        }
        return { timings: await streamPatch(patch, io.stdout), dataFiles };
      },
    };
  }
  const options: OutputOptions = { force, keep: await filesRead(input, data) };
  const target: OutputTarget = await checkTarget(path, options);
  const { folder } = data;
  const plan: DataFilePlan | undefined =
    folder === undefined ? undefined : await planDataFiles(data.files, folder, target, options);
  return {
    path,
    async write(patch) {
      if (plan !== undefined && plan.copyBytes > 0) {
        const count = plan.files.filter(({ fate }) => fate === 'copied').length;
        warn(`copying ${count} data file(s), ${formatBytes(plan.copyBytes)}, beside the output`);
      }
      announce(patch.size);
      const written = await writeModel({
        patch,
        target,
        options,
        data: plan === undefined || folder === undefined ? undefined : { plan, folder },
      });
      return { timings: written.timings, dataFiles: written.dataFiles };
    },
  };
}

/** Where a model with blocks is written to unless said otherwise: `a.onnx` to `a.se.onnx`, stdin to stdout. */
export function injectedPath(input: string): string {
  return input === DASH ? DASH : `${input.replace(/\.onnx$/i, '')}.se.onnx`;
}

/** Where a model without its blocks is written to: `a.se.onnx` to `a.stripped.onnx`, since `a.onnx` may be there. */
export function strippedPath(input: string): string {
  return input === DASH ? DASH : `${input.replace(/(\.se)?\.onnx$/i, '')}.stripped.onnx`;
}
