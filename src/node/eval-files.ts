import { SeInjectError } from '../errors.ts';
import type { EvaluateOptions, EvaluationProgress, EvaluationReport } from '../evaluate/index.ts';
import type { DataOptions } from './eval-data.ts';
import type { run } from './eval-job.ts';
import { type IsolatedOutcome, runIsolated, siblingModule } from './isolate.ts';

/** How model files are evaluated. */
export interface EvaluateFilesOptions
  extends Omit<EvaluateOptions, 'resize' | 'beforeRun' | 'shouldStop' | 'onProgress'> {
  /** What is said of the data. */
  readonly data?: DataOptions | undefined;
  /** Bytes of memory that the evaluation may take. */
  readonly memoryBytes?: number | undefined;
  /** Ends the evaluation; what was measured until then is reported. */
  readonly stop?: AbortSignal | undefined;
  /** Called now and then with how far it has come. */
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined;
}

/** As long as a timer can be: how long an evaluation takes is up to the data. */
export const NO_TIMEOUT_MS: number = 2 ** 31 - 1;

/**
 * Evaluates model files on labelled data with onnxruntime-node, in a process of its own: a crash of a model is an error
 * like any other.
 *
 * Throws what `evaluate` and `openData` throw, `verify/runtime-missing` without onnxruntime-node, and `verify/run-failed`
 * where the process ended.
 *
 * @example
 * ```ts
 * const report = await evaluateFiles(['model.onnx', 'model.se.onnx'], 'val', { limit: 1000 });
 * report.comparisons[0]?.sentence; // → 'No difference: both models give the same answer to each of the 1,000 samples.'
 * ```
 */
export async function evaluateFiles(
  models: readonly string[],
  data: string,
  options: EvaluateFilesOptions = {},
): Promise<EvaluationReport> {
  const { data: dataOptions = {}, memoryBytes, stop, onProgress, ...rest } = options;
  const outcome = await runIsolated<typeof run>(
    siblingModule(import.meta.url, 'eval-job'),
    { models, data, dataOptions: { interleave: rest.limit !== undefined, ...dataOptions }, options: rest },
    {
      timeoutMs: NO_TIMEOUT_MS,
      memoryBytes,
      stop,
      onProgress: (value) => onProgress?.(value as EvaluationProgress),
    },
  );
  return unwrap(outcome);
}

/** The value of a job that ended well; its error, or one of ours that says how the process ended. */
export function unwrap<Value>(outcome: IsolatedOutcome<Value>): Value {
  switch (outcome.status) {
    case 'ok':
      return outcome.value;
    case 'error':
      throw outcome.error;
    case 'timeout':
      throw ended('nothing was said for too long', outcome.log);
    case 'memory':
      throw ended('it took more memory than it may: try a smaller --batch', outcome.log);
    case 'crashed':
      throw ended(`its process ended with ${outcome.signal ?? `exit code ${outcome.exitCode}`}`, outcome.log);
  }
}

function ended(why: string, log: string): SeInjectError {
  const last = log.trim().split('\n').at(-1) ?? '';
  return new SeInjectError(
    'verify/run-failed',
    `the models could not be run to the end: ${why}${last === '' ? '' : ` (${last})`}`,
    { details: { log } },
  );
}
