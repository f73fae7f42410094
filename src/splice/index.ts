/** The door of the edit: plan, apply, strip, and the record that they leave. */
export { applyPlan, type Injection } from './apply.ts';
export { type BlockWeight, readBlockWeights } from './block-weights.ts';
export { structureDigest } from './digest.ts';
export type { ExchangedWeight } from './exchange.ts';
export {
  type GivenWeights,
  LOADED,
  matchWeights,
  type StoredWeights,
  weightsDigest,
} from './given-weights.ts';
export { hasNoPlace, type LeftOutReason, type LeftOutSite, type PresentBlock } from './left-out.ts';
export { loadWeights, type Reloaded } from './load-weights.ts';
export { type OpenModel, openModel } from './model.ts';
export {
  INJECT_DEFAULTS,
  type InjectionPlan,
  type InjectOptions,
  type PlannedModel,
  type PlannedSite,
  planInjection,
  toBlockSite,
} from './plan.ts';
export { readPlan } from './read-plan.ts';
export {
  type InjectionRecord,
  RECORD_KEY,
  type RecordedSite,
  type RecordedUse,
  readRecords,
} from './record.ts';
export { type FoundBlock, findRecordedBlock, recordedNodes } from './recorded-block.ts';
export { type Rewritten, rewrite } from './rewrite.ts';
export { type StripOptions, type Stripped, strip } from './strip.ts';
export { type StrippedAll, stripAll } from './strip-all.ts';
export { TOOL, type ToolVersion } from './version.ts';
