/**
 * Finds where a Squeeze-and-Excitation block belongs in an ONNX network, splices it in and checks the result.
 *
 * Everything here runs in Node and in the browser alike.
 *
 * @packageDocumentation
 */

export {
  BLOCK_INPUT,
  type BlockCost,
  type BlockDefinition,
  type BlockSite,
  defineBlock,
  type Features,
  type NodeSpec,
  type OptionDefinition,
  type OptionValue,
  type ReferenceResult,
  type ResolvedOptions,
  type WeightSpec,
} from './blocks/block.ts';
export { INIT_NAMES, initHelp } from './blocks/initializers.ts';
export { BLOCK_PRESETS, type BlockPreset, blockPresetNamed } from './blocks/presets.ts';
export { BLOCKS, blockNamed } from './blocks/registry.ts';
export { type ErrorCode, isSeInjectError, SeInjectError, type SeInjectErrorOptions } from './errors.ts';
export {
  type AccuracyReport,
  type AnswersReport,
  type ArrayParts,
  arrayDataset,
  type ByteStream,
  type ChannelOrder,
  type CifarFile,
  type ClassGates,
  type ClassList,
  type ClassReport,
  type CollectOptions,
  type ComparisonReport,
  cifarDataset,
  collectGates,
  DATA_FORMATS,
  type DataFault,
  type DataFormat,
  type DataReport,
  type Dataset,
  type DifferenceVerdict,
  type DistanceReport,
  type EvaluatedModel,
  type EvaluateOptions,
  type EvaluationProgress,
  type EvaluationReport,
  evaluate,
  type FaultKind,
  type FaultReport,
  type GateMoments,
  type GateSite,
  type GateSiteReport,
  type GatesModel,
  type GatesReport,
  type Geometry,
  type ImageLayout,
  type Interpolation,
  idxRows,
  type ModelEvaluation,
  type ModelInput,
  mcnemarExact,
  npyRows,
  type OpenGates,
  type OutputKind,
  openGates,
  PRESET_NAMES,
  PRESETS,
  type Preprocessing,
  type PreprocessOptions,
  type Preset,
  type PresetName,
  parseClasses,
  type RequirementReport,
  type Resizer,
  type RowSource,
  type Sample,
  type SampleArray,
  type SampleContent,
  type ScaleRange,
  type ShareReport,
  type SpeedReport,
  type StripProposal,
  type Task,
  wilsonInterval,
} from './evaluate/index.ts';
export { type LintFinding, lintModel } from './graph/lint.ts';
export type { ValueType, ValueTypes } from './graph/types.ts';
export type { GraphView, NodeId, Producer, Use, ValueId } from './graph/view.ts';
export { DataType, type DataTypeNumber, dataTypeName } from './onnx/data-type.ts';
export type { AttributeValue } from './onnx/encode.ts';
export type {
  AttributeProto,
  ByteRange,
  Dim,
  FieldSpan,
  FunctionProto,
  GraphProto,
  ModelFile,
  NodeProto,
  OperatorSetIdProto,
  StringStringEntryProto,
  TensorData,
  TensorDataField,
  TensorDataPart,
  TensorProto,
  TypeProto,
  ValueInfoProto,
} from './onnx/model-file.ts';
export { parseSafetensors, type SafeTensor, writeSafetensors } from './onnx/safetensors.ts';
export { scanModel } from './onnx/scan.ts';
export { FORMAT_MODEL_DEFAULTS, type FormatModelOptions, formatModel } from './onnx/text.ts';
export { parseWeights, type WeightArray } from './onnx/weight-arrays.ts';
export { gatesFigure } from './report/gates-figure.ts';
export { explainNode } from './sites/explain-node.ts';
export type {
  ExplainedBranch,
  ExplainedChain,
  ExplainedInput,
  ExplainedJoin,
  ExplainedOutput,
  ExplainedSite,
  ExplainedStep,
  ExplainedValue,
  ExplainedVerdict,
  NodeExplanation,
  NodeRef,
} from './sites/explanation.ts';
export { findSites } from './sites/find-sites.ts';
export {
  PLACEMENTS,
  type Placement,
  type PlacementRefusal,
  placementWarning,
  placeSite,
} from './sites/placements.ts';
export type { RuleAnswer } from './sites/rules.ts';
export type {
  ExistingGate,
  Rejection,
  RejectionReason,
  Site,
  SiteBlock,
  SiteKind,
  SiteQuantization,
  SiteReport,
} from './sites/site.ts';
export {
  applyPlan,
  type BlockWeight,
  type ExchangedWeight,
  type GivenWeights,
  INJECT_DEFAULTS,
  type Injection,
  type InjectionPlan,
  type InjectionRecord,
  type InjectOptions,
  type LeftOutReason,
  type LeftOutSite,
  loadWeights,
  type OpenModel,
  openModel,
  type PlannedModel,
  type PlannedSite,
  type PresentBlock,
  planInjection,
  type RecordedSite,
  type RecordedUse,
  type Reloaded,
  type Rewritten,
  readBlockWeights,
  readPlan,
  rewrite,
  type StripOptions,
  type Stripped,
  type StrippedAll,
  strip,
  stripAll,
  type ToolVersion,
} from './splice/index.ts';
export {
  type BisectReport,
  bisectProvider,
  checkEdit,
  checkProvider,
  type EditCheck,
  type EditReport,
  type Finding,
  type InputsReport,
  type LevelReport,
  type ModelPair,
  type OutputReport,
  type ProviderReport,
  type ProviderRequest,
  type ProviderResult,
  type SiteCheck,
  type Verdict,
  type VerifyOptions,
  type VerifyReport,
  verify,
} from './verify/index.ts';
export {
  feedsFromArrays,
  type GivenArray,
  type InputRegime,
  makeFeeds,
  parseShapeOption,
} from './verify/inputs.ts';
export type {
  ExternalData,
  GraphOptimization,
  ModelSource,
  ProfiledNode,
  Runtime,
  RuntimeAdapter,
  RuntimeArrays,
  RuntimeDataType,
  RuntimeTensor,
  RuntimeTensors,
  RuntimeValue,
  Session,
  SessionOptions,
  SessionProfile,
} from './verify/runtime.ts';
export { type BlobLike, type ByteSource, blobSource, memorySource } from './wire/byte-source.ts';
export {
  type BytePatch,
  type Enclosure,
  type MendedPrefix,
  type Piece,
  patchedBytes,
  patchedSource,
} from './wire/patch.ts';
