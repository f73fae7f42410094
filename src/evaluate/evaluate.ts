import type { Runtime } from '../verify/index.ts';
import { Accuracy } from './accuracy.ts';
import { type Batch, batchesOf, labelCheck } from './batches.ts';
import { Comparison } from './comparison.ts';
import { FaultLog, invalidData } from './faults.ts';
import { classesOf, type Task, taskOf } from './model-output.ts';
import { type EvaluatedModel, ModelRun } from './model-run.ts';
import { type NumberTensor, numbersOf } from './numbers.ts';
import type { Resizer } from './pixels.ts';
import {
  invalidOption,
  type Preprocessing,
  type PreprocessOptions,
  resolvePreprocessing,
} from './preprocess.ts';
import type { Dataset } from './sample.ts';
import { type RowScore, scoreRow } from './scores.ts';
import type { EvaluationProgress, EvaluationReport } from './types.ts';

/** How models are evaluated. */
export interface EvaluateOptions {
  readonly preprocess?: PreprocessOptions | undefined;
  /** Execution provider; the runtime's first one where absent. */
  readonly provider?: string | undefined;
  /** Name of the output with the logits, where the model has several. */
  readonly output?: string | undefined;
  /** Samples in a batch, where the model leaves it open. */
  readonly batch?: number | undefined;
  /** Samples after which to stop. */
  readonly limit?: number | undefined;
  /** Added to each label: 1 for networks whose class 0 is the background. */
  readonly labelOffset?: number | undefined;
  /** Whether the first fault in the data stops the evaluation. */
  readonly strict?: boolean | undefined;
  readonly resize?: Resizer | undefined;
  /**
   * Awaited before each batch is run. Where running blocks the event loop, it lets the decoding of the next samples get
   * under way first.
   */
  readonly beforeRun?: (() => Promise<void>) | undefined;
  /** Asked after each batch; what was measured until then is reported. */
  readonly shouldStop?: (() => boolean) | undefined;
  /** Called after each batch. */
  readonly onProgress?: ((progress: EvaluationProgress) => void | Promise<void>) | undefined;
}

/**
 * Runs models on the same labelled samples and measures how well each does, and each against the first.
 *
 * The runtime is a parameter, and the data are walked once. Throws `evaluate/invalid-data` where no sample could be
 * used, `evaluate/bad-sample` for the first fault with `strict`, `evaluate/invalid-option` and
 * `evaluate/unsupported-model` where options or models do not fit, and what the runtime throws.
 *
 * @example
 * ```ts
 * const report = await evaluate(runtime, [{ path: 'a.onnx', source: { path: 'a.onnx' } }], dataset);
 * report.models[0]?.accuracy?.top1.share; // → 0.9658
 * ```
 */
export async function evaluate(
  runtime: Runtime,
  models: readonly EvaluatedModel[],
  dataset: Dataset,
  options: EvaluateOptions = {},
): Promise<EvaluationReport> {
  const start = performance.now();
  const provider = options.provider ?? runtime.providers[0] ?? 'cpu';
  const runs: ModelRun[] = [];
  try {
    for (const model of models) runs.push(await ModelRun.open(runtime, model, provider, options.output));
    const preprocessing = commonPreprocessing(runs, options.preprocess ?? {}, dataset);
    const faults = new FaultLog(options.strict ?? false);
    const measured = await measure(runs, preprocessing, faults, dataset, options, start);
    const comparisons = measured.comparisons.map((comparison, index) =>
      comparison.report(measured.task, runs[0]!, runs[index + 1]!),
    );
    const { labelOffset = 0, limit } = options;
    return {
      data: {
        path: dataset.path,
        format: dataset.format,
        samples: measured.samples,
        available: dataset.size ?? null,
        labelled: measured.labelled > 0,
        classes: dataset.classNames?.length ?? null,
        limit: limit ?? null,
        labelOffset,
        interrupted: measured.interrupted,
        notes: [...dataset.notes, ...measured.notes],
      },
      preprocessing,
      task: measured.task,
      models: runs.map((run) => run.report()),
      comparisons,
      requirements: [],
      faults: faults.report(),
      elapsedMs: performance.now() - start,
    };
  } finally {
    for (const run of runs) await run.close();
  }
}

/** One preparation for all: models that want different inputs cannot be compared on the same ones. */
function commonPreprocessing(
  runs: readonly ModelRun[],
  options: PreprocessOptions,
  dataset: Dataset,
): Preprocessing {
  const [first, ...rest] = runs;
  if (first === undefined) throw invalidOption('no model to evaluate: give one');
  const preprocessing = resolvePreprocessing(options, first.input, dataset.format);
  for (const { input, path } of rest) {
    const { dims, layout } = resolvePreprocessing(options, input, dataset.format);
    if (layout === preprocessing.layout && dims.join() === preprocessing.dims.join()) continue;
    throw invalidOption(
      `"${path}" takes [${dims.map((dim) => dim ?? '?').join(', ')}] and "${first.path}" [${preprocessing.dims.map((dim) => dim ?? '?').join(', ')}]: models are compared on the same inputs`,
    );
  }
  return preprocessing;
}

interface Measured {
  readonly task: Task;
  readonly samples: number;
  readonly labelled: number;
  readonly interrupted: boolean;
  readonly notes: readonly string[];
  readonly comparisons: readonly Comparison[];
}

async function measure(
  runs: readonly ModelRun[],
  preprocessing: Preprocessing,
  faults: FaultLog,
  dataset: Dataset,
  options: EvaluateOptions,
  start: number,
): Promise<Measured> {
  const { labelOffset = 0, limit = Number.POSITIVE_INFINITY, resize } = options;
  const comparisons = runs.slice(1).map(() => new Comparison());
  let task: Task = 'other';
  let classes: number | undefined;
  let [samples, labelled, batchNumber, interrupted] = [0, 0, 0, false];
  const notes: string[] = [];
  const batches = batchesOf(dataset, {
    preprocessing,
    fixed: fixedBatch(runs),
    wanted: options.batch,
    limit,
    faults,
    refuse: (sample) => labelCheck(classes ?? declaredClasses(runs), labelOffset)(sample),
    resize,
    wide: runs.some(({ input }) => !NARROW.has(input.dataType)),
  });
  for await (const batch of batches) {
    await options.beforeRun?.();
    const outputs = await runAll(runs, batch, batchNumber);
    const rows = batch.dims[0] ?? 1;
    if (batchNumber === 0) {
      task = taskOf(outputs[0]!, rows);
      classes = classesOf(outputs[0]!, rows);
      notes.push(...classNotes(dataset, classes, labelOffset));
    }
    const names = dataset.classNames;
    const taken = take(runs, comparisons, outputs, batch, { classes, labelOffset, task, names, faults });
    labelled += taken.labelled;
    samples += taken.samples;
    batchNumber += 1;
    const total =
      dataset.size === undefined && limit === Number.POSITIVE_INFINITY
        ? null
        : Math.min(limit, dataset.size ?? limit);
    await options.onProgress?.({ done: samples, total, elapsedMs: performance.now() - start });
    if (options.shouldStop?.() === true) {
      interrupted = true;
      break;
    }
  }
  if (samples === 0) {
    const [first] = faults.report();
    const why =
      first === undefined
        ? ''
        : `; ${first.examples[0]?.name ?? ''}: ${first.examples[0]?.detail ?? first.kind}`;
    throw invalidData(`no sample of "${dataset.path}" could be used${why}`, dataset.path);
  }
  return { task, samples, labelled, interrupted, notes, comparisons };
}

/** Element types whose every number float32 holds. */
const NARROW: ReadonlySet<string> = new Set(['float32', 'float16', 'uint8', 'int8', 'int16', 'uint16']);

function fixedBatch(runs: readonly ModelRun[]): number | null {
  const fixed = new Set(runs.map(({ input }) => input.batch).filter((batch) => batch !== null));
  if (fixed.size < 2) return [...fixed][0] ?? null;
  throw invalidOption(
    `the models are fixed to batches of ${[...fixed].join(' and ')}: export them with the same`,
  );
}

/** Classes that the output declares, known before anything ran. */
function declaredClasses(runs: readonly ModelRun[]): number | undefined {
  return runs[0]?.declaredClasses;
}

/** Runs all models on a batch, taking turns in who is first, since whoever follows finds warm caches. */
async function runAll(
  runs: readonly ModelRun[],
  batch: Batch,
  turn: number,
): Promise<readonly NumberTensor[]> {
  const outputs: NumberTensor[] = [];
  for (let i = 0; i < runs.length; i += 1) {
    const at = (i + turn) % runs.length;
    outputs[at] = await runs[at]!.run(batch);
  }
  return outputs;
}

interface TakeContext {
  readonly classes: number | undefined;
  readonly labelOffset: number;
  readonly task: Task;
  readonly names: readonly string[] | undefined;
  readonly faults: FaultLog;
}

/** Counts the answers of a batch, and how many samples had one. */
function take(
  runs: readonly ModelRun[],
  comparisons: readonly Comparison[],
  outputs: readonly NumberTensor[],
  batch: Batch,
  { classes, labelOffset, task, names, faults }: TakeContext,
): { readonly samples: number; readonly labelled: number } {
  const numbers = outputs.map((tensor) => numbersOf(tensor));
  const rows = batch.dims[0] ?? 1;
  for (const [index, comparison] of comparisons.entries())
    comparison.addOutputs(outputs[0]!, outputs[index + 1]!, batch.count / rows, task);
  if (classes === undefined) return { samples: batch.count, labelled: 0 };
  const check = labelCheck(classes, labelOffset);
  let [samples, labelled] = [0, 0];
  for (let row = 0; row < batch.count; row += 1) {
    const label = batch.labels[row] ?? null;
    // The samples that were read ahead of the first run were not checked against the classes.
    const fault = check({ name: batch.names[row] ?? '', label });
    if (fault !== undefined) {
      faults.add(fault);
      continue;
    }
    const index = label === null ? null : label + labelOffset;
    samples += 1;
    if (index !== null) labelled += 1;
    const scores = runs.map((run, model): RowScore => {
      const values = numbers[model]!;
      if (index === null) return scoreRow(values, row * classes, classes, null);
      run.accuracy ??= new Accuracy(classes, names === undefined ? undefined : shifted(names, labelOffset));
      return run.accuracy.add(values, row * classes, index);
    });
    for (const [other, comparison] of comparisons.entries())
      comparison.answers.add(scores[0]!, scores[other + 1]!, index !== null);
  }
  return { samples, labelled };
}

function shifted(names: readonly string[], offset: number): readonly string[] {
  return offset > 0 ? [...Array.from({ length: offset }, () => ''), ...names] : names.slice(-offset);
}

/** What may be wrong with the classes as a whole. */
function classNotes(dataset: Dataset, classes: number | undefined, offset: number): string[] {
  const named = dataset.classNames?.length;
  if (classes === undefined || named === undefined || named + offset === classes) return [];
  return [
    `the data have ${named} classes and the model gives ${classes}: check that class 0 of one is class 0 of the other, or give --classes or --label-offset`,
  ];
}
