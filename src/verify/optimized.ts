import type { SeInjectError } from '../errors.ts';
import type { Prepared } from './prepared.ts';
import type { Sessions } from './prepared-sessions.ts';
import type { RuntimeTensors, Session } from './runtime.ts';
import { type Attempt, attempt, type ProfiledRun, runProfiled } from './sessions.ts';

/** What both models gave with graph optimizations on, or what the first of them that did not run was refused with. */
export type OptimizedRuns =
  | { readonly before: ProfiledRun; readonly after: ProfiledRun }
  | { readonly refused: SeInjectError; readonly which: 'before' | 'after' };

/** A run that has begun. */
interface Begun {
  readonly done: Promise<Attempt<ProfiledRun>>;
}

/**
 * Runs both models with graph optimizations. `meanwhile` is called once, while they run where the runtime has threads of
 * its own; nothing runs any more when this is done, whatever came of it.
 */
export async function runOptimized(
  { before, after, overlap }: Sessions,
  feeds: RuntimeTensors,
  meanwhile: () => void,
): Promise<OptimizedRuns> {
  const begun: Begun[] = [];
  const begin = async (session: Prepared<Session>): Promise<Begun> => {
    const run = await beginRun(session, feeds);
    begun.push(run);
    return run;
  };
  try {
    const first = await begin(before);
    const beside = overlap ? await begin(after) : undefined;
    meanwhile();
    const ofBefore = await first.done;
    if (!ofBefore.ok) return { refused: ofBefore.error, which: 'before' };
    const ofAfter = await (beside ?? (await begin(after))).done;
    if (!ofAfter.ok) return { refused: ofAfter.error, which: 'after' };
    return { before: ofBefore.value, after: ofAfter.value };
  } finally {
    await Promise.allSettled(begun.map(({ done }) => done));
  }
}

/** Takes a session and begins to run it: wrapped, so that whoever waits for the beginning does not wait for the end. */
async function beginRun(session: Prepared<Session>, feeds: RuntimeTensors): Promise<Begun> {
  const taken = await attempt(() => session.take());
  const done = taken.ok ? attempt(() => runProfiled(taken.value, feeds)) : Promise.resolve(taken);
  // Whoever waits for it hears of a failure; until then it must not count as one that nobody handles.
  done.catch(() => {});
  return { done };
}
