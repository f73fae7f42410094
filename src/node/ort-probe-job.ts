/** The part of {@link probeProvider} that runs in the child. */
import { type ProbeFacts, probeFacts } from '../verify/probe.ts';
import { openOnnxRuntime } from './onnxruntime.ts';

/** Tries a provider of onnxruntime-node. */
export async function run({ provider }: { readonly provider: string }): Promise<ProbeFacts> {
  return probeFacts(await openOnnxRuntime(), provider);
}
