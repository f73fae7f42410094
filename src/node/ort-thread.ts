import type { Runtime } from '../verify/runtime.ts';
import { OrtThread } from './ort-thread-host.ts';

/** A runtime in threads of its own. */
export interface ThreadedRuntime extends Runtime {
  /** Ends the threads; what was not closed goes down with them. */
  close(): Promise<void>;
}

/** Loading takes one processor and running takes all: a third would only wait. */
const THREADS = 2;

/**
 * Opens onnxruntime-node in threads of this process: models load and run while this thread goes on, and one loads while
 * another runs.
 *
 * A session belongs to the thread that had least to do when it was asked for, and keeps what it was fed until it is
 * closed. A native crash still ends the process. Throws what `openOnnxRuntime` throws.
 *
 * @example
 * ```ts
 * const runtime = await openOnnxRuntimeThreads();
 * const loading = runtime.createSession({ path: 'model.onnx' }, { provider: 'cpu', graphOptimization: 'all' });
 * compareSomething();
 * const session = await loading;
 * ```
 */
export async function openOnnxRuntimeThreads(): Promise<ThreadedRuntime> {
  const threads = Array.from({ length: THREADS }, () => new OrtThread());
  const close = async (): Promise<void> => {
    await Promise.all(threads.map((thread) => thread.end()));
  };
  try {
    const [facts] = (await Promise.all(threads.map((thread) => thread.open()))) as [Facts];
    return {
      ...facts,
      overlaps: true,
      createSession: (source, options) =>
        threads.reduce((a, b) => (b.busy < a.busy ? b : a)).createSession(source, options),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Facts = Pick<Runtime, 'name' | 'version' | 'providers'>;
