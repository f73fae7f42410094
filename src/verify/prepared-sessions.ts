import { isQuantized } from './integer-kernels.ts';
import { type LaidOpen, layOpen } from './laid-open.ts';
import { leanModel } from './lean.ts';
import { type Prepared, prepare } from './prepared.ts';
import type { ModelPair, OpenSession, ProviderRequest } from './request.ts';
import { letGo, type Session } from './runtime.ts';

/** The sessions that a check needs besides the original's, begun ahead of their time where the runtime can do that. */
export interface Sessions {
  readonly laying: Prepared<LaidOpen> | undefined;
  readonly before: Prepared<Session>;
  readonly after: Prepared<Session>;
  /** Whether several may run at a time. */
  readonly overlap: boolean;
}

/** A larger model is not loaded ahead of its time: all four sessions would be in memory together. */
const AHEAD_BYTES = 2 ** 29;

/** Prepares the sessions of a check; none is begun yet. */
export function prepareSessions(
  open: OpenSession,
  pair: ModelPair,
  request: ProviderRequest,
  overlaps: boolean,
): Sessions {
  const { record, block } = request;
  const laying =
    record === undefined || block === undefined
      ? undefined
      : prepare(
          () => layOpen(open, pair, record, block),
          ({ session }) => letGo(session),
        );
  const kept = { profile: isQuantized(pair.before.view) };
  const before = async (): Promise<Session> =>
    open(await leanModel(pair.before, pair.beforeSource, pair.files?.before), 'all', kept);
  return {
    laying,
    after: prepare(() => open(pair.afterSource, 'all', kept), letGo),
    before: prepare(before, letGo),
    overlap: overlaps && pair.after.file.source.size <= AHEAD_BYTES,
  };
}

/** Lets go of those that nobody took. */
export async function dropAll({ laying, before, after }: Sessions): Promise<void> {
  await Promise.all([laying?.drop(), before.drop(), after.drop()]);
}
