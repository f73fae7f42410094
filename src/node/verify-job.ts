/** The part of {@link verifyFiles} that runs models, in the child. */
import { dirname, resolve } from 'node:path';
import { blockNamed } from '../blocks/registry.ts';
import type { InjectionRecord } from '../splice/index.ts';
import { openModel } from '../splice/index.ts';
import { bisectProvider, checkProvider, type ProviderResult } from '../verify/index.ts';
import type { GivenArray } from '../verify/inputs.ts';
import type { RuntimeAdapter } from '../verify/runtime.ts';
import { openFolder } from './data-folder.ts';
import { openFile } from './file-source.ts';
import type { JobContext } from './isolate.ts';
import { loadBlock } from './load-block.ts';
import { openOnnxRuntime } from './onnxruntime.ts';

/** What the child is asked. */
export interface VerifyJob {
  readonly before: string;
  readonly after: string;
  readonly provider: string;
  readonly adapter: RuntimeAdapter | null;
  readonly record: InjectionRecord | undefined;
  /** Modules with blocks that are not built in. */
  readonly blockModules: readonly string[];
  readonly seed: number;
  readonly shapes: ReadonlyMap<string, readonly number[]> | undefined;
  readonly arrays: ReadonlyMap<string, GivenArray> | undefined;
  readonly bisect: boolean;
}

/** Puts the questions that need a runtime to one provider of onnxruntime-node. */
export async function run(job: VerifyJob, { progress }: JobContext): Promise<ProviderResult> {
  const { before, after, record, blockModules, bisect, ...rest } = job;
  const [beforeFile, afterFile, folder] = [
    await openFile(before),
    await openFile(after),
    await openFolder(after),
  ];
  try {
    const pair = {
      before: await openModel(beforeFile),
      after: await openModel(afterFile),
      beforeSource: { path: before },
      afterSource: { path: after },
      externalData: { folder: dirname(resolve(after)) },
      folder,
    };
    const own = await Promise.all(blockModules.map(loadBlock));
    const block =
      record === undefined
        ? undefined
        : (own.find(({ name }) => name === record.block) ?? blockNamed(record.block));
    const runtime = await openOnnxRuntime();
    const request = { ...rest, record, block, onProgress: progress };
    const result = await checkProvider(runtime, pair, request);
    if (!bisect || result.report.status !== 'mismatch') return result;
    return { ...result, report: { ...result.report, bisect: await bisectProvider(runtime, pair, request) } };
  } finally {
    await Promise.all([beforeFile.close(), afterFile.close(), folder.close()]);
  }
}
