import type {
  ModelSource,
  Runtime,
  RuntimeTensor,
  RuntimeTensors,
  RuntimeValue,
  SessionOptions,
  SessionProfile,
} from '../verify/runtime.ts';
import type { PackedError } from './isolate-protocol.ts';

/** A tensor that is fed: whole the first time, by its number from then on, as weights are fed again and again. */
export interface SentTensor {
  readonly key: number;
  readonly tensor?: RuntimeTensor;
}

/** What a thread is asked; sessions go by the number of the request that made them. */
export type ThreadRequest =
  | { readonly type: 'open' }
  | { readonly type: 'create'; readonly source: ModelSource; readonly options: SessionOptions }
  | {
      readonly type: 'run';
      readonly session: number;
      readonly feeds: ReadonlyMap<string, SentTensor>;
      readonly fetches: readonly string[] | undefined;
    }
  | { readonly type: 'close'; readonly session: number };

/** What it answers to each. */
export interface ThreadAnswers {
  readonly open: Pick<Runtime, 'name' | 'version' | 'providers'>;
  readonly create: { readonly inputs: readonly RuntimeValue[]; readonly outputs: readonly RuntimeValue[] };
  readonly run: RuntimeTensors;
  readonly close: SessionProfile | undefined;
}

/** An answer, or the error in its place. */
export type ThreadAnswer =
  | { readonly id: number; readonly value: ThreadAnswers[keyof ThreadAnswers] }
  | { readonly id: number; readonly error: PackedError };
