/** The door of the evaluation. */

export type { AccuracyReport, ClassReport, ShareReport } from './accuracy.ts';
export { type ArrayParts, arrayDataset } from './array-dataset.ts';
export { type CifarFile, cifarDataset, cifarKind } from './cifar.ts';
export { type ClassList, parseClasses, sortedClasses } from './classes.ts';
export { type CollectOptions, collectGates, type GatesModel } from './collect-gates.ts';
export type { AnswersReport, DistanceReport } from './compare.ts';
export { type EvaluateOptions, evaluate } from './evaluate.ts';
export { badSample, type FaultReport, invalidData } from './faults.ts';
export type { GateMoments } from './gate-statistics.ts';
export type { ClassGates, GateSiteReport, GatesReport, StripProposal } from './gates-types.ts';
export { type ModelInput, modelInput } from './model-input.ts';
export type { Task } from './model-output.ts';
export type { EvaluatedModel } from './model-run.ts';
export { type GateSite, type OpenGates, openGates } from './open-gates.ts';
export type { Resizer } from './pixels.ts';
export {
  invalidOption,
  type Preprocessing,
  type PreprocessOptions,
  resizedSize,
  resolvePreprocessing,
} from './preprocess.ts';
export {
  type ChannelOrder,
  PRESET_NAMES,
  PRESETS,
  type Preset,
  type PresetName,
  type ScaleRange,
} from './presets.ts';
export { type ByteStream, idxRows, isIdx, npyRows, type RowSource, readHead } from './rows.ts';
export {
  DATA_FORMATS,
  type DataFault,
  type DataFormat,
  type Dataset,
  type FaultKind,
  type Geometry,
  type ImageLayout,
  type Interpolation,
  type Sample,
  type SampleArray,
  type SampleContent,
} from './sample.ts';
export type { OutputKind } from './scores.ts';
export { mcnemarExact, SIGNIFICANCE, wilsonInterval } from './statistics.ts';
export type {
  ComparisonReport,
  DataReport,
  DifferenceVerdict,
  EvaluationProgress,
  EvaluationReport,
  ModelEvaluation,
  RequirementReport,
  SpeedReport,
} from './types.ts';
