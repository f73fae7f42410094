/** The evaluation as a job in a process of its own: {@link evaluateFiles} starts it. */
import { type EvaluateOptions, type EvaluationReport, evaluate } from '../evaluate/index.ts';
import { type DataOptions, openData } from './eval-data.ts';
import type { JobContext } from './isolate.ts';
import { openOnnxRuntime } from './onnxruntime.ts';

/** What the child is asked. */
export interface EvalJob {
  readonly models: readonly string[];
  readonly data: string;
  readonly dataOptions: DataOptions;
  readonly options: Omit<EvaluateOptions, 'resize' | 'beforeRun' | 'shouldStop' | 'onProgress'>;
}

/** Milliseconds between messages on how far it has come. */
const PROGRESS_INTERVAL = 200;

/** Opens the data and evaluates the models on them. */
export async function run(job: EvalJob, { progress, stop }: JobContext): Promise<EvaluationReport> {
  // Ctrl-C reaches the whole group; the parent decides what it means.
  process.on('SIGINT', () => {});
  const { dataset, resize } = await openData(job.data, job.dataOptions);
  const runtime = await openOnnxRuntime();
  let last = 0;
  const models = job.models.map((path) => ({ path, source: { path } }));
  return evaluate(runtime, models, dataset, {
    ...job.options,
    resize,
    // onnxruntime blocks the event loop. A turn of it before each run starts what can be decoded meanwhile, and
    // hears whether a stop was asked for.
    beforeRun: () => new Promise((turn) => setImmediate(turn)),
    shouldStop: () => stop.aborted,
    async onProgress(value) {
      const now = performance.now();
      if (now - last > PROGRESS_INTERVAL) {
        last = now;
        await progress(value);
      }
    },
  });
}
