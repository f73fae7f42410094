import { type Attempt, attempt } from './sessions.ts';

/** Something to be made once, and perhaps begun before it is needed: a runtime may load one model while another runs. */
export interface Prepared<T> {
  /** Begins to make it, unless that was done. */
  begin(): void;
  /** What was made, or makes it now; throws what making it threw. */
  take(): Promise<T>;
  /** Lets go of what nobody took. */
  drop(): Promise<void>;
}

/** Prepares to make something. */
export function prepare<T>(make: () => Promise<T>, close: (made: T) => Promise<unknown>): Prepared<T> {
  let begun: Promise<Attempt<T>> | undefined;
  let isHandedOut = false;
  const hand = (): typeof begun => {
    const handed = begun;
    begun = undefined;
    isHandedOut = true;
    return handed;
  };
  return {
    begin() {
      if (begun !== undefined || isHandedOut) return;
      begun = attempt(make);
      // Whoever takes it hears of a failure; until then it must not count as one that nobody handles.
      begun.catch(() => {});
    },
    async take() {
      const made = await (hand() ?? attempt(make));
      if (made.ok) return made.value;
      throw made.error;
    },
    async drop() {
      const made = await hand()?.catch(() => undefined);
      if (made?.ok === true) await close(made.value);
    },
  };
}
