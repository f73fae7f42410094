import { type ChildProcess, fork } from 'node:child_process';
import { totalmem } from 'node:os';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SeInjectError } from '../errors.ts';
import { type ChildMessage, type JobMessage, type StopMessage, unpackError } from './isolate-protocol.ts';
import { withTemporaryFolder } from './temporary-file.ts';

/** What a job is handed besides its argument. */
export interface JobContext {
  /**
   * Sends a message to the parent, resolving when it is written. Await it: what blocks the event loop next would hold it
   * back.
   */
  readonly progress: (value: unknown) => Promise<void>;
  /** Aborted where the job is to come to an end with what it has; it may not care. */
  readonly stop: AbortSignal;
}

/**
 * What a job's module exports as `run`. Argument, progress and result cross by structured clone: plain data, maps,
 * typed arrays, bigints.
 */
export type IsolatedJob = (argument: never, context: JobContext) => unknown;

/** How far a job may go, and who hears of it. */
export interface IsolateOptions {
  /** After how many milliseconds the job is killed. */
  readonly timeoutMs?: number | undefined;
  /** At how many bytes of resident memory the job is killed: weights, tensors and libraries together. */
  readonly memoryBytes?: number | undefined;
  /** Environment variables to add to this process's own; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Called with each message that the job sends. */
  readonly onProgress?: ((value: unknown) => void) | undefined;
  /** Asks the job to come to an end with what it has; how soon it does is up to it. */
  readonly stop?: AbortSignal | undefined;
}

/** What {@link runIsolated} takes where an option is not given. */
export const ISOLATE_DEFAULTS: { readonly timeoutMs: number; readonly memoryBytes: number } = {
  /** A model of 100 MB takes seconds on the CPU and minutes on a software GPU. */
  timeoutMs: 600_000,
  /** Most of the machine, or of the container: beyond it, the system would pick a process to kill, perhaps the wrong one. */
  memoryBytes: Math.floor(
    0.8 * Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
  ),
};

/** How a job ended. `log` is the end of what it printed, native libraries included. */
export type IsolatedOutcome<Result> =
  | { readonly status: 'ok'; readonly value: Result; readonly log: string }
  /** It threw. A `SeInjectError` is one again, with its code and details. */
  | { readonly status: 'error'; readonly error: Error; readonly log: string }
  /** The process ended without a word: a fault in native code, an `abort`, an exit. */
  | {
      readonly status: 'crashed';
      readonly signal: NodeJS.Signals | null;
      readonly exitCode: number | null;
      readonly log: string;
    }
  | { readonly status: 'timeout'; readonly afterMs: number; readonly log: string }
  /** It took more memory than it may; `rssBytes` is null where V8's own limit was the one that was met. */
  | { readonly status: 'memory'; readonly rssBytes: number | null; readonly log: string };

/** How much of what a job prints is kept, in characters, counted from the end. */
const LOG_LIMIT = 65_536;
/** Timers count in 32 bits: a longer one would go off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** How long a child that has answered may take to leave. */
const EXIT_GRACE_MS = 2_000;
/** How V8 begins its last words when the heap is full. */
const HEAP_FULL = /FATAL ERROR: .*(heap out of memory|Allocation failed)/;

/**
 * Runs a job in a process of its own, so that a crash, a hang or a hunger of native code becomes an outcome.
 *
 * The child has this process's environment (a Vulkan driver named there is found) and a temporary folder of its own,
 * which is removed afterwards whatever happened. It dies with this process, even in the middle of native code, and takes
 * the folder along.
 *
 * @param job - The module that exports the job as `run`; see {@link siblingModule}.
 * @typeParam Job - The type of that `run`.
 * @throws SeInjectError `node/io` where no process can be started.
 *
 * @example
 * ```ts
 * import type { run } from './count-job.ts'; // (up to: number) => number
 *
 * const outcome = await runIsolated<typeof run>(siblingModule(import.meta.url, 'count-job'), 10, { timeoutMs: 5_000 });
 * if (outcome.status === 'ok') outcome.value; // → 10
 * ```
 */
export async function runIsolated<Job extends IsolatedJob>(
  job: URL,
  argument: Parameters<Job>[0],
  options: IsolateOptions = {},
): Promise<IsolatedOutcome<Awaited<ReturnType<Job>>>> {
  return withTemporaryFolder((folder) =>
    supervise<Awaited<ReturnType<Job>>>({ job: job.href, argument }, folder, options),
  );
}

/**
 * The URL of a module beside another, with the ending that this code has: `.ts` where the sources run, `.js` in the
 * package. The compiler rewrites import specifiers and leaves other strings alone.
 */
export function siblingModule(importMetaUrl: string, name: string): URL {
  return new URL(`./${name}${extname(new URL(importMetaUrl).pathname)}`, importMetaUrl);
}

function supervise<Result>(
  message: JobMessage,
  folder: string,
  options: IsolateOptions,
): Promise<IsolatedOutcome<Result>> {
  const timeoutMs = options.timeoutMs ?? ISOLATE_DEFAULTS.timeoutMs;
  const child = start(folder, options);
  const log = new Tail();
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => log.add(text));
  let watchWords = '';
  const watch = child.stdio[4] as Readable | null | undefined;
  watch?.setEncoding('utf8').on('data', (text: string) => {
    watchWords += text;
  });

  return new Promise((resolve, reject) => {
    let answer: Exclude<ChildMessage, { type: 'progress' }> | undefined;
    let isLate = false;
    let timer = setTimeout(
      () => {
        isLate = true;
        child.kill('SIGKILL');
      },
      Math.min(timeoutMs, LONGEST_TIMER_MS),
    );

    child.on('message', (incoming) => {
      const received = incoming as ChildMessage;
      if (received.type === 'progress') {
        options.onProgress?.(received.value);
        return;
      }
      answer = received;
      // Native code may hang on its way out as well.
      clearTimeout(timer);
      timer = setTimeout(() => child.kill('SIGKILL'), EXIT_GRACE_MS);
    });
    child.once('error', (cause) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(
        new SeInjectError(
          'node/io',
          `cannot run a child process (${cause.message}): free memory or processes`,
          { cause },
        ),
      );
    });
    // `close`, not `exit`: only then all that was printed has arrived.
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      resolve(outcome());

      function outcome(): IsolatedOutcome<Result> {
        const text = log.text;
        if (answer?.type === 'done') return { status: 'ok', value: answer.value as Result, log: text };
        if (answer?.type === 'failed')
          return { status: 'error', error: unpackError(answer.error), log: text };
        if (isLate) return { status: 'timeout', afterMs: timeoutMs, log: text };
        if (watchWords !== '') return { status: 'memory', rssBytes: Number(watchWords), log: text };
        if (HEAP_FULL.test(text)) return { status: 'memory', rssBytes: null, log: text };
        return { status: 'crashed', signal, exitCode, log: text };
      }
    });
    try {
      // A child that dies before it has read this is told of by `close`.
      child.send(message, () => {});
      onAbort(options.stop, () => child.send({ type: 'stop' } satisfies StopMessage, () => {}));
    } catch (cause) {
      child.kill('SIGKILL');
      clearTimeout(timer);
      reject(cause);
    }
  });
}

/** Calls back when a signal is given, or at once where it was before. */
function onAbort(signal: AbortSignal | undefined, call: () => void): void {
  if (signal?.aborted === true) call();
  else signal?.addEventListener('abort', call, { once: true });
}

function start(folder: string, options: IsolateOptions): ChildProcess {
  const memoryBytes = options.memoryBytes ?? ISOLATE_DEFAULTS.memoryBytes;
  const module = fileURLToPath(siblingModule(import.meta.url, 'isolate-child'));
  return fork(module, [String(memoryBytes), String(process.pid), folder], {
    serialization: 'advanced',
    // stdin would be the user's; stdout carries the command's data. The fifth is the watch's.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
    env: { ...process.env, TMPDIR: folder, TMP: folder, TEMP: folder, ...options.env },
  });
}

/** The end of a text that may have no end. */
class Tail {
  text = '';

  add(more: string): void {
    this.text = (this.text + more).slice(-LOG_LIMIT);
  }
}
