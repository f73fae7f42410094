import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSeInjectError } from '../errors.ts';
import { openModel } from '../splice/index.ts';
import {
  checkEdit,
  type EditCheck,
  emptyReport,
  type ProviderReport,
  type ProviderResult,
  toReport,
  type VerifyReport,
} from '../verify/index.ts';
import type { GivenArray } from '../verify/inputs.ts';
import type { RuntimeAdapter } from '../verify/runtime.ts';
import { closing } from './closing.ts';
import { openFolder } from './data-folder.ts';
import { openFile } from './file-source.ts';
import { type IsolatedOutcome, runIsolated, siblingModule } from './isolate.ts';
import { loadBlock } from './load-block.ts';
import { openOnnxRuntime } from './onnxruntime.ts';
import { probeProvider } from './provider-probe.ts';
import type { run } from './verify-job.ts';

/** How two model files are verified. */
export interface VerifyFilesOptions {
  /** Execution providers; `auto` is the CPU, and the GPU where there is one. */
  readonly providers?: readonly string[];
  /** Seed of the inputs. */
  readonly seed?: number;
  /** Sizes of inputs, by name, where the model leaves them open. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
  /** Inputs of your own instead of seeded ones, by name. */
  readonly arrays?: ReadonlyMap<string, GivenArray>;
  /** Modules with blocks of your own that the model may hold. */
  readonly blockModules?: readonly string[];
  /** Whether to narrow a failure down to the sites that cause it. */
  readonly bisect?: boolean;
  /** Milliseconds that one provider may take. */
  readonly timeoutMs?: number;
  /** Bytes of memory that one provider may take. */
  readonly memoryBytes?: number;
  /** Called with a few words on what comes next. */
  readonly onProgress?: (step: string) => void;
}

/** The providers that `auto` tries besides the CPU, in this order: what onnxruntime-node can bring. */
const GPU_PROVIDERS = ['cuda', 'coreml', 'dml', 'webgpu'];

/** TF32 keeps 10 bits of a float32's 23: nothing could be told from such products (onnxruntime issue 19288). */
const EXACT_ENVIRONMENT = { NVIDIA_TF32_OVERRIDE: '0' };

/**
 * Verifies a rewritten model file against its original with onnxruntime-node, each provider in a process of its own
 * with limits on time and memory: a crash or a hang is a verdict like any other.
 *
 * Throws `verify/runtime-missing` where onnxruntime-node cannot be loaded, and what opening the models throws.
 *
 * @example
 * ```ts
 * const report = await verifyFiles('model.onnx', 'model.se.onnx', { providers: ['cpu'] });
 * report.verdict; // → 'pass'
 * ```
 */
export async function verifyFiles(
  before: string,
  after: string,
  options: VerifyFilesOptions = {},
): Promise<VerifyReport> {
  const { onProgress, blockModules = [] } = options;
  const asked = options.providers ?? ['auto'];
  onProgress?.('comparing the files');
  // A process of its own on the CPU takes a while to start, and then the files are compared beside it.
  const onCpu =
    asked.includes('auto') || asked.includes('cpu') ? runJob(before, after, 'cpu', null, options) : undefined;
  const [cpu, edit] = await Promise.allSettled([onCpu, compareFiles(before, after, blockModules)]);
  if (edit.status === 'rejected') throw edit.reason;
  if (cpu.status === 'rejected') throw cpu.reason;
  const known = cpu.value?.known ?? (await openOnnxRuntime()).providers;
  const names = asked.flatMap((name) =>
    name === 'auto' ? ['cpu', ...GPU_PROVIDERS.filter((gpu) => known.includes(gpu))] : [name],
  );
  const results: ProviderResult[] = [];
  for (const provider of new Set(names)) {
    if (provider === 'cpu') {
      if (cpu.value !== undefined) results.push(cpu.value.result);
      continue;
    }
    const required = asked.includes(provider);
    const probe = await probeProvider(provider);
    if (probe.status !== 'available') {
      // Nobody asked for this one: a machine without a GPU has nothing to report.
      if (required) results.push(failed(provider, probe.status, probe.detail));
      continue;
    }
    // A GPU in software is none: it is asked only by name.
    if (probe.adapter?.fallback === true && !required) continue;
    results.push((await runJob(before, after, provider, probe.adapter, options)).result);
  }
  return toReport(edit.value, results, asked);
}

/** The question that needs no model to run. */
async function compareFiles(
  before: string,
  after: string,
  blockModules: readonly string[],
): Promise<EditCheck> {
  const blocks = await Promise.all(blockModules.map(loadBlock));
  return closing(async (keep) => {
    const [beforeFile, afterFile] = [await keep(openFile(before)), await keep(openFile(after))];
    const [beforeFolder, folder] = [await keep(openFolder(before)), await keep(openFolder(after))];
    const models = [await openModel(beforeFile), await openModel(afterFile)] as const;
    // In one folder both have the same data files.
    const isOne = (await realpath(dirname(before))) === (await realpath(dirname(after)));
    return checkEdit(...models, blocks, folder, isOne ? undefined : beforeFolder);
  });
}

/** Puts the questions that need a runtime to one provider, in a process of its own. */
async function runJob(
  before: string,
  after: string,
  provider: string,
  adapter: RuntimeAdapter | null,
  options: VerifyFilesOptions,
): Promise<{ readonly result: ProviderResult; readonly known?: readonly string[] }> {
  const { onProgress, seed = 0, shapes, arrays, blockModules = [], bisect = false } = options;
  const outcome = await runIsolated<typeof run>(
    siblingModule(import.meta.url, 'verify-job'),
    { before, after, provider, adapter, blockModules, bisect, seed, shapes, arrays },
    {
      timeoutMs: options.timeoutMs,
      memoryBytes: options.memoryBytes,
      env: EXACT_ENVIRONMENT,
      onProgress: (step) => onProgress?.(`${provider}: ${String(step)}`),
    },
  );
  if (outcome.status === 'ok') return outcome.value;
  // Without a runtime there is nothing to report of a provider.
  if (outcome.status === 'error' && isRuntimeMissing(outcome.error)) throw outcome.error;
  return { result: failedRun(provider, outcome) };
}

function isRuntimeMissing(error: Error): boolean {
  return isSeInjectError(error) && error.code === 'verify/runtime-missing';
}

function failedRun(
  provider: string,
  outcome: Exclude<IsolatedOutcome<unknown>, { status: 'ok' }>,
): ProviderResult {
  switch (outcome.status) {
    case 'error':
      return failed(provider, 'error', outcome.error.message);
    case 'timeout':
      return failed(provider, 'timeout', `nothing was said within ${outcome.afterMs / 1000} s`);
    case 'memory':
      return failed(provider, 'crashed', 'it took more memory than it may');
    case 'crashed':
      return failed(
        provider,
        'crashed',
        `the process ended with ${outcome.signal ?? `exit code ${outcome.exitCode}`}: ${lastLine(outcome.log)}`,
      );
  }
}

function failed(provider: string, status: ProviderReport['status'], detail: string): ProviderResult {
  return { report: { ...emptyReport({ provider }), status, detail }, inputs: null };
}

function lastLine(log: string): string {
  return log.trim().split('\n').at(-1) ?? '';
}
