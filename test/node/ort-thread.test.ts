import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { openOnnxRuntimeThreads, type ThreadedRuntime } from '../../src/node/ort-thread.ts';
import type { RuntimeTensor, SessionOptions } from '../../src/verify/runtime.ts';
import { CHAIN, identity, REFUSED, TENSORS, X, Y, Z } from '../helpers/runtime-cases.ts';
import { tinyModel } from '../helpers/tiny-model.ts';

const CPU: SessionOptions = { provider: 'cpu', graphOptimization: 'disabled' };

let runtime: ThreadedRuntime;

beforeAll(async () => {
  runtime = await openOnnxRuntimeThreads();
});

afterAll(() => runtime.close());

describe('a runtime in threads', () => {
  it('is the runtime that there is without them', async () => {
    const { name, version, providers } = await openOnnxRuntime();
    expect(runtime).toMatchObject({ name, version, providers, overlaps: true });
  });

  it('loads several models at a time, runs them, and tells who ran what', async () => {
    const options = { ...CPU, profile: true };
    const sessions = await Promise.all(
      [1, 2, 3].map(() => runtime.createSession({ bytes: tinyModel(CHAIN) }, options)),
    );
    for (const session of sessions) {
      expect(session.inputs).toEqual([{ name: 'x', dataType: 'float32', shape: ['N', 2] }]);
      expect([...(await session.run(new Map([['x', X]])))]).toEqual([
        ['z', Z],
        ['y', Y],
      ]);
      expect([...(await session.run(new Map([['x', X]]), ['y']))]).toEqual([['y', Y]]);
      expect((await session.close())?.nodes.map(({ opType }) => opType)).toEqual(['Relu', 'Neg']);
      expect(await session.close()).toBeUndefined();
    }
  });

  it.each(TENSORS)('takes and gives back $dataType, which stays with whoever fed it', async (tensor) => {
    const session = await runtime.createSession({ bytes: tinyModel(identity(tensor)) }, CPU);
    for (const round of [1, 2]) {
      const [[, output] = []] = await session.run(new Map([['x', tensor]]));
      expect(output, `round ${round}`).toEqual(tensor);
    }
    const other = { ...tensor, data: tensor.data.slice() } as RuntimeTensor;
    expect([...(await session.run(new Map([['x', other]]))).values()]).toEqual([tensor]);
    await session.close();
  });

  it.each(REFUSED)('refuses %s as it is refused without', async (_, reason, model) => {
    await expect(runtime.createSession({ bytes: tinyModel(model) }, CPU)).rejects.toThrow(
      expect.objectContaining({
        code: 'verify/model-rejected',
        details: expect.objectContaining({ reason }),
      }),
    );
  });

  it('refuses feeds that do not fit, and goes on', async () => {
    const session = await runtime.createSession({ bytes: tinyModel(CHAIN) }, CPU);
    await expect(session.run(new Map())).rejects.toThrow(
      expect.objectContaining({ code: 'verify/invalid-input' }),
    );
    expect((await session.run(new Map([['x', X]]))).size).toBe(2);
    await session.close();
  });

  it('tells whoever waits that the threads were ended', async () => {
    const ended = await openOnnxRuntimeThreads();
    const session = await ended.createSession({ bytes: tinyModel(CHAIN) }, CPU);
    const waiting = session.run(new Map([['x', X]]));
    const outcome = expect(waiting).rejects.toThrow(
      expect.objectContaining({
        code: 'verify/run-failed',
        message: 'the thread that runs models has ended: start again',
      }),
    );
    await ended.close();
    await outcome;
  });
});
