import { strip } from '../splice/index.ts';
import { patchedBytes } from '../wire/patch.ts';
import { checkProvider } from './provider.ts';
import type { ModelPair, ProviderRequest } from './request.ts';
import type { Runtime } from './runtime.ts';
import type { BisectReport } from './types.ts';

/**
 * Narrows a failure down to the smallest set of sites that still fails: a minimum in that leaving out any one of them
 * makes it pass. (Zeller and Hildebrandt 2002, "Simplifying and Isolating Failure-Inducing Input": ddmin.)
 *
 * `fails` is asked for the order of n log n times where one site is at fault.
 *
 * @example
 * ```ts
 * await smallestFailing(['2_1', '2_2', '3_1'], async (ids) => ids.includes('3_1')); // → ['3_1']
 * ```
 */
export async function smallestFailing(
  ids: readonly string[],
  fails: (ids: readonly string[]) => Promise<boolean>,
): Promise<readonly string[]> {
  let failing = ids;
  for (let parts = 2; failing.length > 1; ) {
    const size = Math.ceil(failing.length / parts);
    const chunks = Array.from({ length: Math.ceil(failing.length / size) }, (_, at) =>
      failing.slice(at * size, (at + 1) * size),
    );
    const rests = chunks.map((chunk) => failing.filter((id) => !chunk.includes(id)));
    const smaller = await firstThat([...chunks, ...(chunks.length > 2 ? rests : [])], fails);
    if (smaller !== undefined) {
      parts = chunks.includes(smaller) ? 2 : Math.max(parts - 1, 2);
      failing = smaller;
    } else if (size === 1) return failing;
    else parts = Math.min(parts * 2, failing.length);
  }
  return failing;
}

/**
 * Finds out which of the injected sites make a provider's check fail, by taking the others out of the rewritten model
 * and checking again.
 *
 * Gives nothing where the check passes without any block taken out, or where the blocks cannot be taken out.
 */
export async function bisectProvider(
  runtime: Runtime,
  pair: ModelPair,
  request: ProviderRequest,
): Promise<BisectReport | null> {
  const { record, onProgress } = request;
  if (record === undefined) return null;
  const ids = record.sites.map(({ id }) => id);
  let runs = 0;
  const fails = async (kept: readonly string[]): Promise<boolean> => {
    runs += 1;
    await onProgress?.(`bisecting, ${kept.length} of ${ids.length} sites`);
    const others = ids.filter((id) => !kept.includes(id));
    if (others.length === 0) return true;
    const { patch, model, removed } = await strip(pair.after, { sites: others });
    if (removed.length < others.length) return false;
    const afterSource = { bytes: await patchedBytes(patch), externalData: pair.externalData };
    const sites = record.sites.filter(({ id }) => kept.includes(id));
    const { report } = await checkProvider(
      runtime,
      { ...pair, after: model, afterSource, files: undefined },
      { ...request, record: { ...record, sites }, onProgress: undefined },
    );
    return report.status === 'mismatch';
  };
  return { sites: await smallestFailing(ids, fails), runs };
}

async function firstThat<T>(
  items: readonly T[],
  holds: (item: T) => Promise<boolean>,
): Promise<T | undefined> {
  for (const item of items) if (await holds(item)) return item;
  return undefined;
}
