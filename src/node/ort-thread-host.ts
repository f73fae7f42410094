import { SHARE_ENV, type TransferListItem, Worker } from 'node:worker_threads';
import { SeInjectError } from '../errors.ts';
import type {
  ModelSource,
  RuntimeTensor,
  RuntimeTensors,
  Session,
  SessionOptions,
} from '../verify/runtime.ts';
import { siblingModule } from './isolate.ts';
import { unpackError } from './isolate-protocol.ts';
import type { SentTensor, ThreadAnswer, ThreadAnswers, ThreadRequest } from './ort-thread-protocol.ts';

/** Who waits for an answer. */
interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread that runs models, seen from the thread that asks it. What it is asked is done in that order. */
export class OrtThread {
  readonly #worker = new Worker(siblingModule(import.meta.url, 'ort-thread-worker'), { env: SHARE_ENV });
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor() {
    // The thread keeps the process up only while somebody waits for it.
    this.#worker.unref();
    this.#worker.on('message', (answer: ThreadAnswer) => {
      const waiting = this.#settle(answer.id);
      if ('error' in answer) waiting?.reject(unpackError(answer.error));
      else waiting?.resolve(answer.value as never);
    });
    this.#worker.on('error', (cause) => this.#fail(cause));
    this.#worker.on('exit', () => this.#fail(undefined));
  }

  /** How much it has been asked that it has not answered. */
  get busy(): number {
    return this.#waiting.size;
  }

  /** Loads onnxruntime-node there. */
  open(): Promise<ThreadAnswers['open']> {
    return this.#ask<'open'>({ type: 'open' }).answer;
  }

  /** Loads a model there. */
  async createSession(source: ModelSource, options: SessionOptions): Promise<Session> {
    const { id: session, answer } = this.#ask<'create'>({ type: 'create', source, options });
    const { inputs, outputs } = await answer;
    const sent = new Map<RuntimeTensor, number>();
    return {
      inputs,
      outputs,
      run: (feeds, fetches) => {
        const { message, buffers } = pack(feeds, sent);
        return this.#ask<'run'>({ type: 'run', session, feeds: message, fetches }, buffers).answer;
      },
      close: () => this.#ask<'close'>({ type: 'close', session }).answer,
    };
  }

  /** Ends the thread. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask<Type extends ThreadRequest['type']>(
    request: Extract<ThreadRequest, { type: Type }>,
    buffers: readonly TransferListItem[] = [],
  ): { readonly id: number; readonly answer: Promise<ThreadAnswers[Type]> } {
    this.#asked += 1;
    const id = this.#asked;
    const answer = new Promise<ThreadAnswers[Type]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, request }, buffers);
    });
    return { id, answer };
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    return waiting;
  }

  #fail(cause: unknown): void {
    const message = 'the thread that runs models has ended: start again';
    for (const id of [...this.#waiting.keys()])
      this.#settle(id)?.reject(
        new SeInjectError('verify/run-failed', message, { details: { lost: 'thread' }, cause }),
      );
  }
}

/** Feeds as they are sent: copies of what the session has not had yet, which are handed over and not copied again. */
function pack(
  feeds: RuntimeTensors,
  sent: Map<RuntimeTensor, number>,
): { readonly message: ReadonlyMap<string, SentTensor>; readonly buffers: readonly TransferListItem[] } {
  const buffers: ArrayBufferLike[] = [];
  const message = new Map<string, SentTensor>();
  for (const [name, tensor] of feeds) {
    const known = sent.get(tensor);
    const key = known ?? sent.size;
    sent.set(tensor, key);
    if (known !== undefined) message.set(name, { key });
    else if (tensor.dataType === 'string') message.set(name, { key, tensor });
    else {
      const copy = { ...tensor, data: tensor.data.slice() } as Exclude<RuntimeTensor, { dataType: 'string' }>;
      buffers.push(copy.data.buffer);
      message.set(name, { key, tensor: copy });
    }
  }
  return { message, buffers: buffers.filter((buffer) => buffer instanceof ArrayBuffer) };
}
