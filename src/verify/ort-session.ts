/** A session of onnxruntime's JavaScript API, which is the same in Node and in the browser. */
import { SeInjectError } from '../errors.ts';
import { runError } from './ort-errors.ts';
import { type OrtMetadata, type OrtTensor, runtimeTensor, runtimeValue } from './ort-values.ts';
import {
  checkFeeds,
  type RuntimeTensor,
  type RuntimeTensors,
  resolveFetches,
  type Session,
  type SessionProfile,
} from './runtime.ts';

/** The part of an `InferenceSession` that says what it takes and gives. */
export interface OrtMetadataSource {
  readonly inputMetadata: readonly OrtMetadata[];
  readonly outputMetadata: readonly OrtMetadata[];
}

/** What the runtimes do each in their own way. */
export interface OrtCalls<Tensor> {
  /** Makes a tensor of onnxruntime's. */
  readonly toTensor: (tensor: RuntimeTensor) => Tensor;
  /** Runs the model on feeds that fit, for outputs that can be read. */
  readonly run: (
    feeds: Readonly<Record<string, Tensor>>,
    fetches: readonly string[],
  ) => Promise<Readonly<Record<string, OrtTensor>>>;
  /** Releases the model; the profile, where it was asked for. Called once. */
  readonly close: () => Promise<SessionProfile | undefined>;
}

/** Makes a session of what onnxruntime loaded: nothing reaches its native code that does not fit. */
export function ortSession<Tensor>(
  { inputMetadata, outputMetadata }: OrtMetadataSource,
  provider: string,
  calls: OrtCalls<Tensor>,
): Session {
  const [inputs, outputs] = [inputMetadata.map(runtimeValue), outputMetadata.map(runtimeValue)];
  let closed = false;
  return {
    inputs,
    outputs,
    async run(feeds, fetches): Promise<RuntimeTensors> {
      if (closed) throw new SeInjectError('verify/run-failed', 'the session is closed: create another');
      checkFeeds(inputs, feeds);
      // Reading an output that has no array aborts the process (int4: onnxruntime-node reads past the end of a table), so
      // nothing but what resolveFetches lets through may be fetched.
      const names = resolveFetches(outputs, fetches);
      const tensors = [...feeds].map(([name, tensor]) => [name, calls.toTensor(tensor)] as const);
      let results: Readonly<Record<string, OrtTensor>>;
      try {
        results = await calls.run(Object.fromEntries(tensors), names);
      } catch (cause) {
        throw runError(cause, provider);
      }
      return new Map(names.map((name) => [name, runtimeTensor(results[name] as OrtTensor)]));
    },
    async close() {
      if (closed) return undefined;
      closed = true;
      return calls.close();
    },
  };
}
