/** The part of {@link verifyFiles} that runs models, in the child. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { openModel } from '../splice/index.ts';
import {
  bisectProvider,
  checkProvider,
  type HomeFile,
  type ProviderResult,
  recordedInjection,
} from '../verify/index.ts';
import type { GivenArray } from '../verify/inputs.ts';
import type { RuntimeAdapter } from '../verify/runtime.ts';
import { closing } from './closing.ts';
import { openFolder } from './data-folder.ts';
import { openFile } from './file-source.ts';
import type { JobContext } from './isolate.ts';
import { loadBlock } from './load-block.ts';
import { openOnnxRuntime } from './onnxruntime.ts';
import { openOnnxRuntimeThreads } from './ort-thread.ts';

/** What the child is asked. */
export interface VerifyJob {
  readonly before: string;
  readonly after: string;
  readonly provider: string;
  readonly adapter: RuntimeAdapter | null;
  /** Modules with blocks that are not built in. */
  readonly blockModules: readonly string[];
  readonly seed: number;
  readonly shapes: ReadonlyMap<string, readonly number[]> | undefined;
  readonly arrays: ReadonlyMap<string, GivenArray> | undefined;
  readonly bisect: boolean;
}

/** What the child answers. */
export interface VerifyAnswer {
  readonly result: ProviderResult;
  /** The providers that this onnxruntime-node knows: the parent need not load it to ask. */
  readonly known: readonly string[];
}

/** Puts the questions that need a runtime to one provider of onnxruntime-node. */
export async function run(job: VerifyJob, { progress }: JobContext): Promise<VerifyAnswer> {
  const { before, after, blockModules, bisect, ...rest } = job;
  // The CPU's models load beside what this thread does; a GPU is used as everybody uses it, from the main thread.
  const isCpu = job.provider === 'cpu';
  const opening = isCpu ? openOnnxRuntimeThreads() : openOnnxRuntime();
  opening.catch(() => {});
  return closing(async (keep) => {
    const [beforeFile, afterFile] = [await keep(openFile(before)), await keep(openFile(after))];
    const folder = await keep(openFolder(after));
    const pair = {
      before: await openModel(beforeFile),
      after: await openModel(afterFile),
      beforeSource: { path: before },
      afterSource: { path: after },
      externalData: { folder: dirname(resolve(after)) },
      files: isCpu ? { before: await homeOf(before), after: await homeOf(after) } : undefined,
      folder,
    };
    const injection = recordedInjection(
      pair.before,
      pair.after,
      await Promise.all(blockModules.map(loadBlock)),
    );
    const runtime = await opening;
    const request = { ...rest, ...injection, onProgress: progress };
    const result = await checkProvider(runtime, pair, request);
    const known = runtime.providers;
    if (!bisect || result.report.status !== 'mismatch') return { result, known };
    const report = { ...result.report, bisect: await bisectProvider(runtime, pair, request) };
    return { result: { ...result, report }, known };
  });
}

/** Where a file really is: onnxruntime reads no external data through a link that leaves its folder. */
async function homeOf(path: string): Promise<HomeFile> {
  const real = await realpath(path);
  return { folder: dirname(real), name: basename(real) };
}
