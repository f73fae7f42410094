import { isSeInjectError } from '../errors.ts';
import { type ProviderProbe, probeFacts } from '../verify/probe.ts';
import type { WebRuntime } from './onnxruntime-web.ts';

/**
 * Tries a provider on a model of one node. It is available if the profile says that it ran the node itself, since
 * onnxruntime falls back to the CPU without a word.
 *
 * @example
 * ```ts
 * const { status, adapter } = await probeWebProvider(runtime, 'webgpu');
 * status; // → 'available'
 * adapter; // → { vendor: 'google', architecture: 'swiftshader', description: '', fallback: true }
 * ```
 */
export async function probeWebProvider(runtime: WebRuntime, provider: string): Promise<ProviderProbe> {
  const not = (detail: string): ProviderProbe => {
    return { provider, status: 'unavailable', detail, adapter: null, float16: 'none' };
  };
  try {
    const { ownNodes, float16 } = await probeFacts(runtime, provider);
    if (ownNodes === 0) return not(`"${provider}" left its node to the CPU`);
    const adapter = provider === 'webgpu' ? await runtime.adapter() : null;
    return { provider, status: 'available', detail: '', adapter, float16 };
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    return not(error.message);
  }
}
