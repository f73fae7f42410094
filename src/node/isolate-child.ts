/** The child's side of {@link runIsolated}: the module that is forked. */
import { Worker } from 'node:worker_threads';
import type { IsolatedJob } from './isolate.ts';
import { type ChildMessage, type JobMessage, packError, type StopMessage } from './isolate-protocol.ts';

const WATCH_INTERVAL_MS = 50;
/** The pipe on which the watch says why it ends the process. */
const WATCH_FD = 4;

/**
 * Watches this process from a thread, since native code blocks the main one for as long as it likes: ends the process
 * when its parent is gone or its memory is past the limit. A script in text, so that it needs no file, build or loader.
 *
 * The parent cannot do this as well from outside: it would have to read the resident size of another process, which is a
 * different business on each system, and could do nothing once it is dead.
 */
const WATCH_SCRIPT = `
const { workerData: { intervalMs, memoryBytes, parent, folder, fd } } = require('node:worker_threads');
const { rmSync, writeSync } = require('node:fs');
function parentIsGone() {
  if (process.ppid !== parent) return true;
  try { process.kill(parent, 0); return false; } catch (error) { return error.code === 'ESRCH'; }
}
setInterval(() => {
  const rss = process.memoryUsage.rss();
  if (rss > memoryBytes) {
    writeSync(fd, String(rss));
    process.kill(process.pid, 'SIGKILL');
  }
  if (parentIsGone()) {
    // Nobody else is left to do it.
    try { rmSync(folder, { recursive: true, force: true }); } catch {}
    process.kill(process.pid, 'SIGKILL');
  }
}, intervalMs);
`;

function watch(): void {
  // The parent's own word for its id: by the time that the thread starts, it may be gone and replaced.
  const [memoryBytes, parent, folder] = process.argv.slice(2);
  const workerData = {
    intervalMs: WATCH_INTERVAL_MS,
    memoryBytes: Number(memoryBytes),
    parent: Number(parent),
    folder,
    fd: WATCH_FD,
  };
  // No loader for the thread: it would cost more than the thread.
  new Worker(WATCH_SCRIPT, { eval: true, workerData, execArgv: [] }).unref();
}

/** Sends a message and waits until it is written: native code that runs next would hold it back. */
function send(message: ChildMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    // Throws at once where the message cannot be cloned.
    process.send?.(message, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function run({ job, argument }: JobMessage): Promise<void> {
  try {
    const { run }: { run: IsolatedJob } = await import(job);
    const value = await run(argument as never, {
      progress: (value: unknown) => send({ type: 'progress', value }),
      stop: stop.signal,
    });
    await send({ type: 'done', value });
  } catch (error) {
    await send({ type: 'failed', error: packError(error) });
  }
  // Not by leaving quietly: native threads and the job's own handles could keep the process up.
  process.exit(0);
}

const stop = new AbortController();
watch();
process.on('message', (message: JobMessage | StopMessage) => {
  if ('job' in message) void run(message);
  else stop.abort();
});
