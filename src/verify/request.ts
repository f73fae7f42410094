import type { BlockDefinition } from '../blocks/block.ts';
import type { DataFolder } from '../onnx/external-data.ts';
import type { InjectionRecord, OpenModel } from '../splice/index.ts';
import type { HomeFile } from './lean.ts';
import type { ExternalData, GraphOptimization, ModelSource, RuntimeAdapter, Session } from './runtime.ts';
import type { FeedRequest } from './sessions.ts';

/** A model before and after, as data and as what a runtime loads. */
export interface ModelPair {
  readonly before: OpenModel;
  readonly after: OpenModel;
  readonly beforeSource: ModelSource;
  readonly afterSource: ModelSource;
  /** Where the external data of the rewritten model lies, for a runtime that is given bytes. */
  readonly externalData?: ExternalData | undefined;
  /** The files of both, where a runtime can read weights out of them as external data. */
  readonly files?: { readonly before: HomeFile; readonly after: HomeFile } | undefined;
  /** The same, for reading weights. */
  readonly folder?: DataFolder | undefined;
  /** Where the external data of the original lies, where that is another place: what is there is compared. */
  readonly beforeFolder?: DataFolder | undefined;
}

/** What to run, and on what. */
export interface ProviderRequest extends FeedRequest {
  readonly provider: string;
  readonly adapter?: RuntimeAdapter | null | undefined;
  /** The injection, where the edit check found one that it could read. */
  readonly record: InjectionRecord | undefined;
  readonly block: BlockDefinition | undefined;
  /** Whether that injection is all that lies between the two models; it is unless this is false. */
  readonly isAll?: boolean | undefined;
  /** Called with a few words on what comes next, and waited for: a runtime blocks the thread that it runs on. */
  readonly onProgress?: ((step: string) => void | Promise<void>) | undefined;
}

/** Loads a model on the provider of the request, or on another one. */
export type OpenSession = (
  source: ModelSource,
  graphOptimization: GraphOptimization,
  also?: { readonly provider?: string; readonly profile?: boolean },
) => Promise<Session>;
