/** The door of the verification. */

export { bisectProvider, smallestFailing } from './bisect.ts';
export {
  checkEdit,
  type EditCheck,
  type RecordedInjection,
  recordedInjection,
} from './edit.ts';
export type { HomeFile } from './lean.ts';
export { compareTensors } from './metrics.ts';
export type { ComparedTensors, TensorComparison } from './metrics-types.ts';
export { checkProvider, type ProviderResult } from './provider.ts';
export { emptyReport } from './provider-report.ts';
export type { ModelPair, ProviderRequest } from './request.ts';
export {
  letGo,
  type ModelSource,
  type Runtime,
  type RuntimeDataType,
  type RuntimeTensor,
  type RuntimeTensors,
  type RuntimeValue,
  resolveFetches,
  type Session,
} from './runtime.ts';
export type {
  BisectReport,
  EditReport,
  Finding,
  InputsReport,
  LevelReport,
  OutputReport,
  ProviderReport,
  SiteCheck,
  Verdict,
  VerifyReport,
} from './types.ts';
export { toReport, toRequest, type VerifyOptions, verify } from './verify.ts';
