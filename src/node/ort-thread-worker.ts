/** The threads' side of {@link openOnnxRuntimeThreads}: the module that each runs. */
import { parentPort, type TransferListItem } from 'node:worker_threads';
import type { Runtime, RuntimeTensor, RuntimeTensors, Session } from '../verify/runtime.ts';
import { packError } from './isolate-protocol.ts';
import { openOnnxRuntime } from './onnxruntime.ts';
import type { SentTensor, ThreadAnswer, ThreadAnswers, ThreadRequest } from './ort-thread-protocol.ts';

/** A session, and what it was fed. */
interface Opened {
  readonly session: Session;
  readonly fed: Map<number, RuntimeTensor>;
}

const sessions = new Map<number, Opened>();
let runtime: Promise<Runtime> | undefined;
let last: Promise<void> = Promise.resolve();

async function answer(id: number, request: ThreadRequest): Promise<ThreadAnswers[keyof ThreadAnswers]> {
  // The other threads have something to do while this one waits.
  runtime ??= openOnnxRuntime(undefined, { spinning: false });
  switch (request.type) {
    case 'open': {
      const { name, version, providers } = await runtime;
      return { name, version, providers };
    }
    case 'create': {
      const session = await (await runtime).createSession(request.source, request.options);
      sessions.set(id, { session, fed: new Map() });
      return { inputs: session.inputs, outputs: session.outputs };
    }
    case 'run': {
      const { session, fed } = openedOf(request.session);
      return session.run(unpack(request.feeds, fed), request.fetches);
    }
    case 'close': {
      const { session, fed } = openedOf(request.session);
      fed.clear();
      return session.close();
    }
  }
}

function openedOf(number: number): Opened {
  const opened = sessions.get(number);
  if (opened === undefined) throw new RangeError(`there is no session ${number}`);
  return opened;
}

function unpack(feeds: ReadonlyMap<string, SentTensor>, fed: Map<number, RuntimeTensor>): RuntimeTensors {
  const tensors = new Map<string, RuntimeTensor>();
  for (const [name, { key, tensor = fed.get(key) }] of feeds) {
    if (tensor === undefined) continue;
    fed.set(key, tensor);
    tensors.set(name, tensor);
  }
  return tensors;
}

/** Tensors are handed over and not copied: nobody keeps them here. */
function buffersOf(value: ThreadAnswers[keyof ThreadAnswers]): TransferListItem[] {
  if (!(value instanceof Map)) return [];
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of (value as RuntimeTensors).values()) {
    if (ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
  }
  return [...buffers];
}

async function serve(id: number, request: ThreadRequest): Promise<void> {
  try {
    const value = await answer(id, request);
    parentPort?.postMessage({ id, value } satisfies ThreadAnswer, buffersOf(value));
  } catch (error) {
    parentPort?.postMessage({ id, error: packError(error) } satisfies ThreadAnswer);
  }
}

parentPort?.on('message', ({ id, request }: { readonly id: number; readonly request: ThreadRequest }) => {
  last = last.then(() => serve(id, request));
});
