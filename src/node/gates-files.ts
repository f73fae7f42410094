import type { CollectOptions, EvaluationProgress, GatesReport } from '../evaluate/index.ts';
import type { DataOptions } from './eval-data.ts';
import { NO_TIMEOUT_MS, unwrap } from './eval-files.ts';
import type { run } from './gates-job.ts';
import { runIsolated, siblingModule } from './isolate.ts';

/** How the gates of a model file are collected. */
export interface CollectGatesOptions
  extends Omit<CollectOptions, 'resize' | 'beforeRun' | 'shouldStop' | 'onProgress'> {
  /** What is said of the data. */
  readonly data?: DataOptions | undefined;
  /** Bytes of memory that it may take. */
  readonly memoryBytes?: number | undefined;
  /** Ends it; what was collected until then is reported. */
  readonly stop?: AbortSignal | undefined;
  /** Called now and then with how far it has come. */
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined;
}

/**
 * Collects what the gates of a model file do on data, with onnxruntime-node in a process of its own.
 *
 * Throws what `collectGates`, `openGates` and `openData` throw, `verify/runtime-missing` without onnxruntime-node, and
 * `verify/run-failed` where the process ended.
 *
 * @example
 * ```ts
 * const report = await collectGatesFromFile('model.se.onnx', 'val', { limit: 1000 });
 * report.proposal?.sites; // → ['5_3']
 * ```
 */
export async function collectGatesFromFile(
  model: string,
  data: string,
  options: CollectGatesOptions = {},
): Promise<GatesReport> {
  const { data: dataOptions = {}, memoryBytes, stop, onProgress, ...rest } = options;
  const outcome = await runIsolated<typeof run>(
    siblingModule(import.meta.url, 'gates-job'),
    { model, data, dataOptions: { interleave: rest.limit !== undefined, ...dataOptions }, options: rest },
    {
      timeoutMs: NO_TIMEOUT_MS,
      memoryBytes,
      stop,
      onProgress: (value) => onProgress?.(value as EvaluationProgress),
    },
  );
  return unwrap(outcome);
}
