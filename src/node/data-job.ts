/** What jobs that run models on data have in common. */
import type { EvaluateOptions } from '../evaluate/index.ts';
import type { JobContext } from './isolate.ts';

/** Milliseconds between messages on how far a job has come. */
const PROGRESS_INTERVAL = 200;

/** The options by which a run on data answers the process that has started it. */
export function answeringParent({
  progress,
  stop,
}: JobContext): Required<Pick<EvaluateOptions, 'beforeRun' | 'shouldStop' | 'onProgress'>> {
  // Ctrl-C reaches the whole group; the parent decides what it means.
  process.on('SIGINT', () => {});
  let last = 0;
  return {
    // onnxruntime blocks the event loop. A turn of it before each run starts what can be decoded meanwhile, and
    // hears whether a stop was asked for.
    beforeRun: () => new Promise((turn) => setImmediate(turn)),
    shouldStop: () => stop.aborted,
    async onProgress(value) {
      const now = performance.now();
      if (now - last <= PROGRESS_INTERVAL) return;
      last = now;
      await progress(value);
    },
  };
}
