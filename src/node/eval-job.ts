/** The evaluation as a job in a process of its own: {@link evaluateFiles} starts it. */
import { type EvaluateOptions, type EvaluationReport, evaluate } from '../evaluate/index.ts';
import { answeringParent } from './data-job.ts';
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

/** Opens the data and evaluates the models on them. */
export async function run(job: EvalJob, context: JobContext): Promise<EvaluationReport> {
  const answers = answeringParent(context);
  const { dataset, resize } = await openData(job.data, job.dataOptions);
  const models = job.models.map((path) => ({ path, source: { path } }));
  return evaluate(await openOnnxRuntime(), models, dataset, { ...job.options, resize, ...answers });
}
