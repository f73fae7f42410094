import { describe, expect, it, vi } from 'vitest';
import type { SessionOptions } from '../../src/verify/runtime.ts';
import { type OrtWebModule, openOnnxRuntimeWeb } from '../../src/web/onnxruntime-web.ts';
import { X } from '../helpers/runtime-cases.ts';

// What onnxruntime-web really does is tested in a browser, in test/browser; here is what it cannot be made to do there.

const WEBGPU: SessionOptions = { provider: 'webgpu', graphOptimization: 'disabled' };

/** A double of onnxruntime-web whose sessions have an output `y` that is their input `x`. */
function fakeOrt(duringRun: (printError: typeof console.error) => void = () => {}): {
  load: () => Promise<OrtWebModule>;
  create: ReturnType<typeof vi.fn>;
} {
  let bound: Pick<Console, 'log' | 'error'> | undefined;
  const value = { name: 'x', isTensor: true, type: 'float32', shape: [1, 2] };
  const create = vi.fn(async () => {
    bound ??= { log: console.log.bind(console), error: console.error.bind(console) };
    return {
      inputMetadata: [value],
      outputMetadata: [{ ...value, name: 'y' }],
      run: async ({ x }: { x: unknown }) => {
        duringRun(bound?.error ?? console.error);
        return { y: x };
      },
      endProfiling: () => bound?.log('[]'),
      release: async () => {},
    };
  });
  class Tensor {
    readonly type: string;
    readonly data: unknown;
    readonly dims: readonly number[];
    constructor(type: string, data: unknown, dims: readonly number[]) {
      this.type = type;
      this.data = data;
      this.dims = dims;
    }
  }
  const module = {
    InferenceSession: { create },
    Tensor,
    env: { wasm: {}, webgpu: {}, versions: { common: '1.0.0' } },
  };
  return { load: () => Promise.resolve(module as unknown as OrtWebModule), create };
}

describe('openOnnxRuntimeWeb', () => {
  it('says how to install a missing package', async () => {
    const cause = new Error('Failed to resolve module specifier');
    await expect(openOnnxRuntimeWeb({ load: () => Promise.reject(cause) })).rejects.toThrow(
      expect.objectContaining({
        code: 'verify/runtime-missing',
        message: 'onnxruntime-web cannot be loaded, so models cannot be run: npm install onnxruntime-web',
        cause,
      }),
    );
  });

  it('starts a module once, and gives the same runtime again', async () => {
    const { load, create } = fakeOrt();
    const [first, second] = await Promise.all([openOnnxRuntimeWeb({ load }), openOnnxRuntimeWeb({ load })]);
    expect(second).toBe(first);
    expect(create).toHaveBeenCalledTimes(1);
    expect(await openOnnxRuntimeWeb(fakeOrt())).not.toBe(first);
  });

  it('names no adapter before a device was made', async () => {
    const runtime = await openOnnxRuntimeWeb(fakeOrt());
    expect(await runtime.adapter()).toBeNull();
  });
});

describe('createSession', () => {
  it.each([
    ['a path', { path: '/a.onnx' }, '"/a.onnx" is a path'],
    [
      'data in a folder',
      { bytes: new Uint8Array(1), externalData: { folder: '/data' } },
      '"/data" is a folder',
    ],
  ])('refuses %s, which a browser cannot read', async (_, source, message) => {
    const { load, create } = fakeOrt();
    const runtime = await openOnnxRuntimeWeb({ load });
    await expect(runtime.createSession(source, WEBGPU)).rejects.toThrow(
      expect.objectContaining({
        code: 'verify/invalid-input',
        message: expect.stringContaining(message),
      }),
    );
    expect(create).toHaveBeenCalledTimes(1);
  });

  it.each([true, false])('profiles where it is asked to: %s', async (profile) => {
    const { load, create } = fakeOrt();
    const runtime = await openOnnxRuntimeWeb({ load });
    await runtime.createSession({ bytes: new Uint8Array(1) }, { ...WEBGPU, profile });
    expect(create).toHaveBeenLastCalledWith(
      expect.any(Uint8Array),
      expect.objectContaining({ executionProviders: ['webgpu'], enableProfiling: profile }),
    );
  });
});

describe('run', () => {
  it('fails where the log tells of an error on the device, though the run ends well', async () => {
    const line =
      '\u001b[1;31m2026-01-01 00:00:00.000000 [E:onnxruntime:Default, webgpu_context.cc:171 operator()] ' +
      'WebGPU device error(3): vkAllocateMemory failed';
    const runtime = await openOnnxRuntimeWeb(fakeOrt((printError) => printError(line)));
    const session = await runtime.createSession({ bytes: new Uint8Array(1) }, WEBGPU);
    await expect(session.run(new Map([['x', X]]))).rejects.toThrow(
      expect.objectContaining({
        code: 'verify/run-failed',
        message:
          'onnxruntime could not run the model on "webgpu" (WebGPU device error(3): vkAllocateMemory failed): ' +
          'check the inputs and their shapes',
      }),
    );
  });

  it('is not troubled by other lines of the log', async () => {
    const runtime = await openOnnxRuntimeWeb(fakeOrt((printError) => printError('a warning')));
    const session = await runtime.createSession({ bytes: new Uint8Array(1) }, WEBGPU);
    expect((await session.run(new Map([['x', X]]))).get('y')).toEqual(X);
  });

  it('is over once the session is closed, which it is once', async () => {
    const runtime = await openOnnxRuntimeWeb(fakeOrt());
    const session = await runtime.createSession({ bytes: new Uint8Array(1) }, { ...WEBGPU, profile: true });
    expect(await session.close()).toEqual({ nodes: [] });
    expect(await session.close()).toBeUndefined();
    await expect(session.run(new Map([['x', X]]))).rejects.toThrow('the session is closed: create another');
  });
});
