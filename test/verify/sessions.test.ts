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
  failed?: string;
}

/** onnxruntime, whose `nth` call is refused; it says whether several models may be asked for at a time. */
async function failingAt(nth: number, overlaps: boolean, asked: Asked): Promise<Runtime> {
  const runtime = await openOnnxRuntime();
  const call = async <T>(name: string, action: () => Promise<T>): Promise<T> => {
    asked.calls += 1;
    if (asked.calls === nth) asked.failed = name;
    if (asked.calls === nth)
      throw new SeInjectError('verify/run-failed', 'it is gone', { details: { lost: 'thread' } });
    return action();
  };
  return {
    ...runtime,
    ...(overlaps ? { overlaps } : {}),
    async createSession(source, options) {
      const session = await call('create', () => runtime.createSession(source, options));
      asked.open += 1;
      let isOpen = true;
      return {
        inputs: session.inputs,
        outputs: session.outputs,
        run: (feeds, fetches) => call('run', () => session.run(feeds, fetches)),
        async close() {
          const profile = await session.close();
          if (!isOpen) return profile;
          isOpen = false;
          asked.open -= 1;
          return call('close', () => Promise.resolve(profile));
        },
      };
    },
  };
}

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => void process.on('unhandledRejection', note));
afterEach(() => void process.off('unhandledRejection', note));

describe.each([false, true])('where models overlap: %s, sessions', (overlaps) => {
  let pair: ModelPair;
  let all = 0;

  beforeEach(async () => {
    pair ??= await pairOf(before, await injectBytes(before));
    const asked = { calls: 0, open: 0 };
    const report = await verify(await failingAt(Number.POSITIVE_INFINITY, overlaps, asked), pair);
    expect([report.verdict, asked.open]).toEqual(['pass', 0]);
    all = asked.calls;
  });

  it('are all closed whichever call fails, and nothing is passed that was not run', async () => {
    expect(all).toBeGreaterThan(8);
    for (let nth = 1; nth <= all; nth += 1) {
      const asked: Asked = { calls: 0, open: 0 };
      const report = await verify(await failingAt(nth, overlaps, asked), pair).catch((error: unknown) => {
        throw new Error(`call ${nth} of ${all}`, { cause: error });
      });
      const verdicts = asked.failed === 'close' ? ['unchecked', 'pass'] : ['unchecked'];
      expect([nth, asked.open, verdicts]).toEqual([nth, 0, expect.arrayContaining([report.verdict])]);
    }
    // One more turn, for what nobody waited for.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(unhandled).toEqual([]);
  });
});
