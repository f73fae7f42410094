import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { SeInjectError } from '../../src/errors.ts';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { type ModelPair, verify } from '../../src/verify/index.ts';
import type { Runtime } from '../../src/verify/runtime.ts';
import { injectBytes, pairOf } from '../helpers/verify-bytes.ts';

const before = cifarResnet20({ shortcut: 'poolConcat', width: 4, style: STYLES.torchscript }).model;

/** What a runtime was asked for, and what of it was not given back. */
interface Asked {
  calls: number;
  open: number;
  /** The most sessions that were open together. */
  most: number;
  failed?: string;
}

/** onnxruntime, whose `nth` call is refused; it says whether several models may be asked for at a time. */
async function failingAt(nth: number, overlaps: boolean, asked: Asked, error: Error): Promise<Runtime> {
  const runtime = await openOnnxRuntime();
  const call = async <T>(name: string, action: () => Promise<T>): Promise<T> => {
    asked.calls += 1;
    if (asked.calls !== nth) return action();
    asked.failed = name;
    throw error;
  };
  return {
    ...runtime,
    ...(overlaps ? { overlaps } : {}),
    async createSession(source, options) {
      const session = await call('create', () => runtime.createSession(source, options));
      asked.open += 1;
      asked.most = Math.max(asked.most, asked.open);
      let isOpen = true;
      return {
        inputs: session.inputs,
        outputs: session.outputs,
        run: (feeds, fetches) => call('run', () => session.run(feeds, fetches)),
        async close() {
          const profile = await session.close();
          if (!isOpen) return profile;
          isOpen = false;
          // A session is in memory for as long as it takes to close it.
          await new Promise((resolve) => setTimeout(resolve, 5));
          asked.open -= 1;
          return call('close', () => Promise.resolve(profile));
        },
      };
    },
  };
}

const gone = new SeInjectError('verify/run-failed', 'it is gone', { details: { lost: 'thread' } });
const refused = new SeInjectError('verify/run-failed', 'it does not work');
const foreign = new TypeError('nobody has thought of this');

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => void process.on('unhandledRejection', note));
afterEach(() => void process.off('unhandledRejection', note));

describe.each([false, true])('where models overlap: %s, sessions', (overlaps) => {
  let pair: ModelPair;
  let all = 0;

  beforeEach(async () => {
    pair ??= await pairOf(before, await injectBytes(before));
    const asked: Asked = { calls: 0, open: 0, most: 0 };
    const report = await verify(await failingAt(0, overlaps, asked, gone), pair);
    expect([report.verdict, asked.open]).toEqual(['pass', 0]);
    // Large models are never loaded ahead of their time: the original is one, and what is compared with it another.
    if (!overlaps) expect(asked.most).toBe(2);
    all = asked.calls;
  });

  /** Verifies again and again, each time with another call that fails. */
  async function failEach(
    error: Error,
    check: (failed: string | undefined, outcome: string) => void,
  ): Promise<void> {
    expect(all).toBeGreaterThan(8);
    for (let nth = 1; nth <= all; nth += 1) {
      const asked: Asked = { calls: 0, open: 0, most: 0 };
      const runtime = await failingAt(nth, overlaps, asked, error);
      const outcome = await verify(runtime, pair).then(
        ({ verdict }) => verdict,
        (reason: unknown) => (reason === error ? 'thrown' : String(reason)),
      );
      expect([nth, asked.failed, asked.open]).toEqual([nth, expect.any(String), 0]);
      check(asked.failed, outcome);
    }
    // One more turn, for what nobody waited for.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(unhandled).toEqual([]);
  }

  it('are all closed where a call loses what it ran on, and nothing is passed that was not run', async () => {
    await failEach(gone, (failed, outcome) => {
      expect(failed === 'close' ? ['unchecked', 'pass'] : ['unchecked']).toContain(outcome);
    });
  });

  it('are all closed where a call is refused, and no refusal to close is blamed on the rewrite', async () => {
    await failEach(refused, (failed, outcome) => {
      expect(failed === 'close' ? ['unchecked', 'pass'] : ['unchecked', 'fail']).toContain(outcome);
    });
  });

  it('are all closed where a call throws what no runtime should, which goes on as it is', async () => {
    await failEach(foreign, (failed, outcome) => {
      expect(failed === 'close' ? ['thrown', 'pass'] : ['thrown']).toContain(outcome);
    });
  });
});
