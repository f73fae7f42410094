import type { BlockDefinition } from '../blocks/block.ts';
import { checkEdit, type EditCheck, type RecordedInjection, recordedInjection } from './edit.ts';
import type { GivenArray } from './inputs.ts';
import { judge } from './judge.ts';
import { checkProvider, type ProviderResult } from './provider.ts';
import type { ModelPair, ProviderRequest } from './request.ts';
import type { Runtime, RuntimeAdapter } from './runtime.ts';
import type { VerifyReport } from './types.ts';

/** What a verification runs on. */
export interface VerifyOptions {
  /** Execution providers to ask; the runtime's first one (a CPU) where absent. */
  readonly providers?: readonly { readonly name: string; readonly adapter?: RuntimeAdapter | null }[];
  /** Seed of the inputs. */
  readonly seed?: number;
  /** Sizes of inputs, by name, where the model leaves them open. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
  /** Inputs of your own instead of seeded ones, by name. */
  readonly arrays?: ReadonlyMap<string, GivenArray>;
  /** Blocks of your own that the model may hold. */
  readonly blocks?: readonly BlockDefinition[];
  /** Called with a few words on what comes next. */
  readonly onProgress?: (step: string) => void | Promise<void>;
}

/**
 * Verifies a rewritten model against its original: is it sound, is the edit the plan, does each block compute what it
 * should, does the model compute what it did?
 *
 * The runtime is a parameter. What could not be checked is `unchecked`, never passed.
 *
 * @example
 * ```ts
 * const report = await verify(runtime, pair);
 * report.verdict; // → 'pass'
 * ```
 */
export async function verify(
  runtime: Runtime,
  pair: ModelPair,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  await options.onProgress?.('comparing the files');
  const injection = recordedInjection(pair.before, pair.after, options.blocks);
  const asked = options.providers ?? [{ name: runtime.providers[0] ?? 'cpu', adapter: null }];
  // The providers first: where models load on a thread of their own, the files are compared meanwhile.
  const [results, edit] = await Promise.allSettled([
    checkProviders(runtime, pair, asked, (name, adapter) => toRequest(injection, options, name, adapter)),
    checkEdit(pair.before, pair.after, options.blocks, pair.folder, pair.beforeFolder),
  ]);
  if (edit.status === 'rejected') throw edit.reason;
  if (results.status === 'rejected') throw results.reason;
  return toReport(
    edit.value,
    results.value,
    (options.providers ?? []).map(({ name }) => name),
  );
}

async function checkProviders(
  runtime: Runtime,
  pair: ModelPair,
  asked: NonNullable<VerifyOptions['providers']>,
  request: (name: string, adapter: RuntimeAdapter | null | undefined) => ProviderRequest,
): Promise<ProviderResult[]> {
  const results: ProviderResult[] = [];
  for (const { name, adapter } of asked)
    results.push(await checkProvider(runtime, pair, request(name, adapter)));
  return results;
}

/** What to ask one provider of an injection. */
export function toRequest(
  { record, block, isAll }: RecordedInjection,
  options: VerifyOptions,
  provider: string,
  adapter?: RuntimeAdapter | null,
): ProviderRequest {
  const { seed = 0, shapes, arrays, onProgress } = options;
  return { provider, adapter, seed, shapes, arrays, record, block, isAll, onProgress };
}

/** The report of an edit check and of the providers' answers; those that were `asked` for by name must have one. */
export function toReport(
  edit: EditCheck,
  results: readonly ProviderResult[],
  asked: readonly string[],
): VerifyReport {
  const providers = results.map(({ report }) => report);
  const inputs = results.find((result) => result.inputs !== null)?.inputs ?? null;
  return {
    ...judge(edit, providers, asked),
    inputs,
    edit: { ok: edit.ok, findings: edit.findings },
    providers,
  };
}
