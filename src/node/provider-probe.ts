import { basename } from 'node:path';
import { isSeInjectError } from '../errors.ts';
import type { ProbeFacts, ProviderProbe } from '../verify/probe.ts';
import type { RuntimeAdapter } from '../verify/runtime.ts';
import { type IsolatedOutcome, type IsolateOptions, runIsolated, siblingModule } from './isolate.ts';
import type { run } from './ort-probe-job.ts';

/** A driver that has said nothing after this long will not: SwiftShader on two busy cores takes a second. */
const PROBE_TIMEOUT_MS = 60_000;

/**
 * Tries a provider on a model of one node, in a child process: drivers crash and hang. It is available if the profile
 * says that it ran the node itself, since onnxruntime falls back to the CPU without a word.
 *
 * On Linux the adapter is read from the Vulkan loader's own log of the device that was created. Direct3D and Metal leave
 * no such trace, and there the adapter is null: say "adapter not reported".
 *
 * @throws SeInjectError `verify/runtime-missing` where onnxruntime-node cannot be loaded at all.
 *
 * @example
 * ```ts
 * const { status, adapter } = await probeProvider('webgpu');
 * status; // → 'available'
 * adapter; // → { vendor: 'google', architecture: 'swiftshader', description: 'SwiftShader Device (Subzero)', fallback: true }
 * ```
 */
export async function probeProvider(provider: string, options: IsolateOptions = {}): Promise<ProviderProbe> {
  const outcome = await runIsolated<typeof run>(
    siblingModule(import.meta.url, 'ort-probe-job'),
    { provider },
    {
      timeoutMs: PROBE_TIMEOUT_MS,
      ...options,
      // Only here: it is a lot of text, and this environment is the one that the models run in otherwise.
      env: { ...options.env, VK_LOADER_DEBUG: 'driver,layer' },
    },
  );
  return readProbe(provider, outcome);
}

/** @internal */
export function readProbe(provider: string, outcome: IsolatedOutcome<ProbeFacts>): ProviderProbe {
  const not = (status: Exclude<ProviderProbe['status'], 'available'>, detail: string): ProviderProbe => {
    return { provider, status, detail, adapter: null, float16: 'none' };
  };
  switch (outcome.status) {
    case 'ok': {
      const { ownNodes, float16 } = outcome.value;
      if (ownNodes === 0) return not('unavailable', `"${provider}" left its node to the CPU`);
      return { provider, status: 'available', detail: '', adapter: vulkanAdapter(outcome.log), float16 };
    }
    case 'error':
      if (isSeInjectError(outcome.error) && outcome.error.code === 'verify/runtime-missing')
        throw outcome.error;
      return not('unavailable', outcome.error.message);
    case 'timeout':
      return not('timeout', `"${provider}" did not answer within ${outcome.afterMs} ms`);
    case 'crashed':
      return not(
        'crashed',
        `"${provider}" ended its process (${outcome.signal ?? `exit code ${outcome.exitCode}`})`,
      );
    case 'memory':
      return not(
        'crashed',
        `"${provider}" took more memory than it may (${outcome.rssBytes === null ? 'the whole heap' : `${outcome.rssBytes} bytes`})`,
      );
  }
}

/** Drivers and adapters by what their names hold; the first match wins. */
const ADAPTERS: readonly (readonly [RegExp, Omit<RuntimeAdapter, 'description'>])[] = [
  [/swiftshader/i, { vendor: 'google', architecture: 'swiftshader', fallback: true }],
  [/llvmpipe|libvulkan_lvp/i, { vendor: 'mesa', architecture: 'llvmpipe', fallback: true }],
  [/nvidia|geforce|quadro|tesla/i, { vendor: 'nvidia', architecture: '', fallback: false }],
  [/amd|radeon/i, { vendor: 'amd', architecture: '', fallback: false }],
  [/intel/i, { vendor: 'intel', architecture: '', fallback: false }],
];

/**
 * The adapter in a log that the Vulkan loader wrote with `VK_LOADER_DEBUG=driver,layer` (1.3.239 and later):
 * `Using "SwiftShader Device (Subzero)" with driver: "/usr/lib/chromium/./libvk_swiftshader.so"`, once for each device
 * that was created. Null where there is none, or more than one.
 *
 * @internal
 */
export function vulkanAdapter(log: string): RuntimeAdapter | null {
  const devices = new Map<string, RuntimeAdapter>();
  for (const [line, description = '', driver = ''] of log.matchAll(
    /Using "([^"\n]*)" with driver: "([^"\n]*)"/g,
  )) {
    // The driver too, but not its folder: a home called "amd" is no vendor.
    const known = ADAPTERS.find(([pattern]) => pattern.test(`${description} ${basename(driver)}`))?.[1];
    devices.set(line, { vendor: '', architecture: '', fallback: false, ...known, description });
  }
  const [adapter = null, ...others] = devices.values();
  return others.length === 0 ? adapter : null;
}
