import { isSeInjectError, SeInjectError } from '../errors.ts';
import {
  feedsFromArrays,
  type GivenArray,
  INPUT_REGIMES,
  type InputRegime,
  makeFeeds,
  spatialAlternatives,
} from './inputs.ts';
import { letGo, type RuntimeTensors, type Session, type SessionProfile } from './runtime.ts';

/** What a runtime said: a value, or the error that it refused with. */
export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: SeInjectError };

/** Runs something that a model or a provider may refuse; faults of our own go on as they are. */
export async function attempt<T>(action: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await action() };
  } catch (error) {
    if (isSeInjectError(error)) return { ok: false, error };
    throw error;
  }
}

/** How the inputs of a run are made. */
export interface FeedRequest {
  readonly seed: number;
  readonly shapes?: ReadonlyMap<string, readonly number[]> | undefined;
  /** Arrays of the user's own instead of seeded inputs, by the names of the inputs. */
  readonly arrays?: ReadonlyMap<string, GivenArray> | undefined;
}

/** Makes the inputs of one regime again, whatever the size that was found to run. */
export type FeedMaker = (regime: InputRegime) => RuntimeTensors;

/** The inputs that a model takes, and what it gave for them. */
export interface FirstRun {
  /** The regime that the feeds are of. */
  readonly regime: InputRegime;
  readonly feeds: RuntimeTensors;
  readonly outputs: RuntimeTensors;
  /** Regimes to be tried, in this order. */
  readonly regimes: readonly InputRegime[];
  readonly makeFeeds: FeedMaker;
}

/**
 * Runs a model for the first time. Where sizes are open, the usual ones are tried until the model takes one; the last
 * refusal is thrown where it takes none.
 */
export async function firstRun(session: Session, request: FeedRequest): Promise<FirstRun> {
  const { arrays } = request;
  const [regime] = INPUT_REGIMES;
  if (arrays !== undefined) {
    const feeds = feedsFromArrays(session.inputs, arrays);
    return { regime, feeds, outputs: await session.run(feeds), regimes: [regime], makeFeeds: () => feeds };
  }
  let refusal: SeInjectError | undefined;
  for (const spatial of spatialAlternatives(session.inputs, request.shapes)) {
    const maker: FeedMaker = (wanted) =>
      makeFeeds(session.inputs, {
        seed: request.seed,
        shapes: request.shapes,
        regime: wanted,
        defaultSpatial: spatial,
      });
    const made = maker(regime);
    const outputs = await attempt(() => session.run(made));
    if (outputs.ok)
      return { regime, feeds: made, outputs: outputs.value, regimes: INPUT_REGIMES, makeFeeds: maker };
    refusal = outputs.error;
  }
  throw refusal;
}

/** What a session gave in its only run. */
export interface ProfiledRun {
  readonly outputs: RuntimeTensors;
  readonly profile: SessionProfile | undefined;
}

/** Closes a session for its profile. Where that fails the profile is lost, and no model is to blame. */
export async function closeProfiled(session: Session): Promise<SessionProfile | undefined> {
  const closed = await attempt(() => session.close());
  if (closed.ok) return closed.value;
  const { code, message, details } = closed.error;
  throw new SeInjectError(code, message, {
    details: { lost: 'profile', ...details },
    cause: closed.error,
  });
}

/** Runs a loaded model once and lets it go; with its profile, where it keeps one. */
export async function runProfiled(session: Session, feeds: RuntimeTensors): Promise<ProfiledRun> {
  try {
    const outputs = await session.run(feeds);
    return { outputs, profile: await closeProfiled(session) };
  } finally {
    await letGo(session);
  }
}

/** Runs a loaded model once and lets it go. */
export async function runOnce(session: Session, feeds: RuntimeTensors): Promise<RuntimeTensors> {
  return (await runProfiled(session, feeds)).outputs;
}
