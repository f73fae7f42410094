/** The door of the verification. */
export { checkEdit, type EditCheck } from './edit.ts';
export { checkProvider, type ProviderResult } from './provider.ts';
export type { ModelPair, ProviderRequest } from './request.ts';
export type {
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
