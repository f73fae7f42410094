import type { AccuracyReport } from './accuracy.ts';
import type { AnswersReport, DistanceReport } from './compare.ts';
import type { FaultReport } from './faults.ts';
import type { Task } from './model-output.ts';
import type { Preprocessing } from './preprocess.ts';
import type { DataFormat } from './sample.ts';

/** The data that were used. */
export interface DataReport {
  readonly path: string;
  readonly format: DataFormat;
  /** Samples that were evaluated. */
  readonly samples: number;
  /** Samples that there are, where that is known. */
  readonly available: number | null;
  readonly labelled: boolean;
  /** Classes of the data, where they are named. */
  readonly classes: number | null;
  /** The most samples that were asked for; null for all. */
  readonly limit: number | null;
  /** What was added to each label. */
  readonly labelOffset: number;
  /** Whether it was stopped before the end. */
  readonly interrupted: boolean;
  readonly notes: readonly string[];
}

/** How fast a model ran; the first batch, which warms up, is left out where there are others. */
export interface SpeedReport {
  readonly batch: number;
  readonly samplesPerSecond: number;
  /** Mean time of one batch. */
  readonly msPerBatch: number;
}

/** One model. */
export interface ModelEvaluation {
  readonly path: string;
  readonly provider: string;
  /** The output that was measured. */
  readonly output: string;
  /** Null for a model that is no classifier, and without labels. */
  readonly accuracy: AccuracyReport | null;
  readonly speed: SpeedReport | null;
}

/** What was found of a difference: `same` where every prediction is. */
export type DifferenceVerdict = 'same' | 'better' | 'worse' | 'no-difference' | 'unlabelled';

/** A model against the first one. */
export interface ComparisonReport {
  readonly before: string;
  readonly after: string;
  readonly verdict: DifferenceVerdict;
  /** The same in plain words. */
  readonly sentence: string;
  /** Null for models that are no classifiers. */
  readonly answers: AnswersReport | null;
  readonly distance: DistanceReport;
  /** Share of pixels with the same class; null for models that give no map of classes. */
  readonly pixelAgreement: number | null;
  /** Median time of a sample with `after` over that with `before`. */
  readonly timeRatio: number | null;
}

/** What was demanded of the last model, and whether it is met. */
export interface RequirementReport {
  readonly name: 'min-top1' | 'max-drop';
  /** In parts of 1. */
  readonly limit: number;
  /** Null where it could not be measured, which does not meet it. */
  readonly value: number | null;
  readonly met: boolean;
}

/** A whole evaluation. */
export interface EvaluationReport {
  readonly data: DataReport;
  readonly preprocessing: Preprocessing;
  readonly task: Task;
  readonly models: readonly ModelEvaluation[];
  readonly comparisons: readonly ComparisonReport[];
  readonly requirements: readonly RequirementReport[];
  readonly faults: readonly FaultReport[];
  readonly elapsedMs: number;
}

/** How far an evaluation has come. */
export interface EvaluationProgress {
  readonly done: number;
  /** Null where it is not known. */
  readonly total: number | null;
  readonly elapsedMs: number;
}
