import { afterAll, describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/data-type.ts';
import {
  countByProvider,
  type GraphOptimization,
  providerOf,
  type RuntimeTensor,
  type SessionOptions,
  type SessionProfile,
} from '../../src/verify/runtime.ts';
import { errorOf } from '../helpers/error-of.ts';
import { CHAIN, identity, node, REFUSED, TENSORS, X, Y, Z } from '../helpers/runtime-cases.ts';
import { type TinyModel, tinyModel } from '../helpers/tiny-model.ts';
import { closePages, hasBrowser, openPage, serve, type TestPage } from './harness.ts';
import type { RunRequest, RunResult, ServedModel } from './page.ts';

const WASM: SessionOptions = { provider: 'wasm', graphOptimization: 'disabled' };
const WEBGPU: SessionOptions = { provider: 'webgpu', graphOptimization: 'disabled' };
const { FLOAT, FLOAT16, DOUBLE, INT4 } = DataType;

const HAS_BROWSER = await hasBrowser();
afterAll(closePages);

let shared: Promise<TestPage> | undefined;

/** The page of all tests that do not need one of their own. */
function sharedPage(): Promise<TestPage> {
  shared ??= openPage();
  return shared;
}

/** Runs a model in the shared page. */
async function run(
  bytes: Uint8Array,
  options: SessionOptions,
  feeds: RunRequest['feeds'],
  rest: Partial<RunRequest> & Pick<ServedModel, 'externalData'> = {},
): Promise<RunResult> {
  const { externalData, ...others } = rest;
  const model = { url: serve(bytes), ...(externalData === undefined ? {} : { externalData }) };
  return (await sharedPage()).call('run', { model, options, feeds, ...others });
}

/** A convolution with weights that no float32 holds exactly, over channels enough for sums to round. */
const CONV: TinyModel = {
  nodes: [node('Conv', ['x', 'w'], 'c', 'conv'), node('Relu', ['c'], 'y', 'relu')],
  inputs: [['x', FLOAT, [1, 16, 5, 5]]],
  outputs: [['y', FLOAT]],
  weights: [{ name: 'w', dims: [4, 16, 3, 3], values: waves(4 * 16 * 9) }],
};
const CONV_X = float32([1, 16, 5, 5], waves(16 * 25, 0.7));

/** Sums of 144 products of magnitudes up to 1, in float32 and in any order: 144 x 2^-24, were every error the worst. */
const CONV_TOLERANCE = 144 * 2 ** -24;

/** Numbers between -1 and 1. */
function waves(length: number, phase = 0): number[] {
  return Array.from({ length }, (_, i) => Math.sin(1.3 * i * i + phase));
}

function float32(dims: readonly number[], values: readonly number[]): RuntimeTensor {
  return { dataType: 'float32', dims, data: Float32Array.from(values) };
}

function profileOf(result: RunResult): SessionProfile {
  if (result.profile === undefined) throw new Error('no profile');
  return result.profile;
}

describe.skipIf(!HAS_BROWSER)('openOnnxRuntimeWeb', () => {
  it('names itself and its providers, and gives the console back', async () => {
    const page = await openPage();
    expect(await page.call('open')).toEqual({
      name: 'onnxruntime-web',
      version: expect.stringMatching(/^1\.\d+\.\d+$/),
      providers: ['wasm', 'webgpu'],
      consoleKept: true,
    });
  });

  it('takes the URL of the .wasm file, which bundlers give', async () => {
    const page = await openPage();
    await page.call('open', '/ort/ort-wasm-simd-threaded.asyncify.wasm');
    expect(await page.call('probe', 'wasm')).toMatchObject({ status: 'available' });
  });

  it('says that the .wasm file is not where it was said to be', async () => {
    const page = await openPage();
    const error = await errorOf(page.call('open', '/nowhere/file.wasm'));
    expect(error.code).toBe('verify/runtime-missing');
    expect(error.message).toMatch(
      /^onnxruntime-web cannot be started \(.*\): say where its \.wasm file lies, and load the page again$/,
    );
  });

  it('refuses one that was in use, whose profile goes to the console', async () => {
    const page = await openPage();
    await page.call('useElsewhere', { url: serve(tinyModel(CHAIN)) });
    const error = await errorOf(page.call('open'));
    expect(error.code).toBe('verify/runtime-missing');
    expect(error.message).toBe(
      'onnxruntime-web was in use before, so that its profile cannot be read: open it first',
    );
  });

  it('runs on threads in a page that is isolated from other origins', async () => {
    const page = await openPage({ isolated: true });
    expect(await page.call('probe', 'wasm')).toMatchObject({ status: 'available' });
    expect(await page.call('probe', 'webgpu')).toMatchObject({ status: 'available' });
  });

  it('has no WebGPU in a page that the browser does not trust, and goes on without', async () => {
    const page = await openPage({ trusted: false });
    expect(await page.call('probe', 'webgpu')).toEqual({
      provider: 'webgpu',
      status: 'unavailable',
      detail:
        'provider "webgpu" is not available here (no available backend found. ERR: [webgpu] Error: ' +
        'WebGPU is not supported in current environment): use another, or install its driver',
      adapter: null,
      float16: 'none',
    });
    expect(await page.call('probe', 'wasm')).toMatchObject({ status: 'available' });
  });
});

describe.skipIf(!HAS_BROWSER)('a worker', () => {
  it('runs models as the page does', async () => {
    const page = await openPage();
    const model = { url: serve(tinyModel(CONV)) };
    const options = { ...WEBGPU, profile: true };
    const result = await page.call('runInWorker', { model, options, feeds: { x: CONV_X } });
    expect(providerOf(profileOf(result), 'conv')).toBe('webgpu');
    expect(page.console).toEqual([]);
  });
});

describe.skipIf(!HAS_BROWSER)('probeWebProvider', () => {
  it('finds the CPU, which has no adapter', async () => {
    const page = await sharedPage();
    expect(await page.call('probe', 'wasm')).toEqual({
      provider: 'wasm',
      status: 'available',
      detail: '',
      adapter: null,
      float16: 'widened',
    });
  });

  it('names the adapter, and calls software software', async () => {
    const page = await sharedPage();
    expect(await page.call('probe', 'webgpu')).toEqual({
      provider: 'webgpu',
      status: 'available',
      detail: '',
      adapter: { vendor: 'google', architecture: 'swiftshader', description: '', fallback: true },
      // SwiftShader has no shader-f16.
      float16: 'none',
    });
  });
});

describe.skipIf(!HAS_BROWSER)('a session', () => {
  it('declares names, types and shapes, and reads the outputs that are asked for', async () => {
    const all = await run(tinyModel(CHAIN), WASM, { x: X });
    expect(all.inputs).toEqual([{ name: 'x', dataType: 'float32', shape: ['N', 2] }]);
    expect(all.outputs).toEqual([
      { name: 'z', dataType: 'float32', shape: ['N', 2] },
      // onnxruntime infers what the model does not declare.
      { name: 'y', dataType: 'float32', shape: ['N', 2] },
    ]);
    expect(all.results).toEqual({ z: Z, y: Y });
    expect(all.profile).toBeUndefined();
    const one = await run(tinyModel(CHAIN), WASM, { x: X }, { fetches: ['y'] });
    expect(one.results).toEqual({ y: Y });
  });

  it('computes the same on both providers, within the rounding of its sums', async () => {
    const [cpu, gpu] = await Promise.all(
      [WASM, WEBGPU].map(async (options) => {
        const { results } = await run(tinyModel(CONV), options, { x: CONV_X });
        return results['y']?.data as Float32Array;
      }),
    );
    if (cpu === undefined || gpu === undefined) throw new Error('no output');
    expect(cpu.some((value) => value > 1)).toBe(true);
    expect(gpu.length).toBe(cpu.length);
    const differences = cpu.map((value, i) => Math.abs(value - (gpu[i] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(CONV_TOLERANCE);
  });

  it.each<GraphOptimization>(['disabled', 'basic', 'extended', 'all'])(
    'fuses nodes as far as it is told: %s',
    async (graphOptimization) => {
      const options = { provider: 'wasm', graphOptimization, profile: true };
      const { nodes } = profileOf(await run(tinyModel(CONV), options, { x: CONV_X }));
      const fused = graphOptimization === 'extended' || graphOptimization === 'all';
      expect(nodes.some(({ opType }) => opType === 'Relu')).toBe(!fused);
    },
  );

  it('refuses what does not fit before onnxruntime sees it, on both providers', async () => {
    for (const options of [WASM, WEBGPU]) {
      const { code, message } = await errorOf(
        run(tinyModel(CONV), options, { x: float32([1, 15, 5, 5], waves(15 * 25)) }),
      );
      expect(code).toBe('verify/invalid-input');
      expect(message).toBe(
        'input "x" is fed shape [1, 15, 5, 5]: give a float32 tensor of shape [1, 16, 5, 5]',
      );
      expect(await errorOf(run(tinyModel(CONV), options, { x: CONV_X }, { fetches: ['w'] }))).toMatchObject({
        code: 'verify/invalid-input',
        message: '"w" is no output of the model: choose from "y"',
      });
    }
  });

  it('tells of a run that fails', async () => {
    const model: TinyModel = {
      ...CHAIN,
      nodes: [node('MatMul', ['x', 'w'], 'z', 'product')],
      inputs: [['x', FLOAT]],
      outputs: [['z', FLOAT]],
      weights: [{ name: 'w', dims: [3, 1], values: [1, 2, 3] }],
    };
    for (const options of [WASM, WEBGPU]) {
      const error = await errorOf(run(tinyModel(model), options, { x: X }));
      expect(error.code).toBe('verify/run-failed');
      expect(error.message).toMatch(
        /^onnxruntime could not run the model on "\w+" \(Non-zero.*'product'.*\)/,
      );
    }
  });

  it.each(TENSORS)('passes $dataType of shape $dims as it is', async (tensor) => {
    const { results } = await run(tinyModel(identity(tensor)), WASM, { x: tensor });
    expect(results['y']).toEqual(tensor);
  });

  it('takes no input that has no array', async () => {
    const model: TinyModel = {
      nodes: [node('QuantizeLinear', ['x', 's', 'z'], 'q'), node('Relu', ['x'], 'y')],
      inputs: [
        ['x', FLOAT, [2]],
        ['z', INT4, []],
      ],
      outputs: [
        ['q', INT4],
        ['y', FLOAT],
      ],
      weights: [{ name: 's', dims: [], values: [1] }],
      opset: 21,
      irVersion: 10,
    };
    const x = float32([2], [-1, 1]);
    expect(await errorOf(run(tinyModel(model), WASM, { x }))).toMatchObject({
      code: 'verify/invalid-input',
      message: 'input "z" is of a type that cannot be fed: only tensors of whole bytes can',
    });
  });

  it('takes turns with others that are loaded and run at the same time', async () => {
    const page = await openPage();
    const url = serve(tinyModel(CONV));
    const requests = [WEBGPU, WASM, WEBGPU, WEBGPU].map((options) => ({
      model: { url },
      options: { ...options, profile: true },
      feeds: { x: CONV_X },
    }));
    const results = await page.call('runAll', requests);
    expect(results.map((result) => providerOf(profileOf(result), 'conv'))).toEqual([
      'webgpu',
      'wasm',
      'webgpu',
      'webgpu',
    ]);
  });
});

describe.skipIf(!HAS_BROWSER)('the profile', () => {
  it('proves of every node where it ran, the layout rewrite seen through', async () => {
    const result = await run(tinyModel(CONV), { ...WEBGPU, profile: true }, { x: CONV_X });
    const profile = profileOf(result);
    expect(profile.nodes.map(({ opType }) => opType)).toEqual(['Transpose', 'Conv', 'Relu', 'Transpose']);
    expect(providerOf(profile, 'conv')).toBe('webgpu');
    expect(providerOf(profile, 'relu')).toBe('webgpu');
    expect([...countByProvider(profile)]).toEqual([['webgpu', 4]]);
  });

  it('shows the node that WebGPU leaves to the CPU', async () => {
    const model: TinyModel = {
      ...CONV,
      nodes: [
        node('Conv', ['x', 'w'], 'c', 'conv'),
        node('QuantizeLinear', ['c', 's'], 'q', 'quantize'),
        node('DequantizeLinear', ['q', 's'], 'd'),
        node('Relu', ['d'], 'y', 'relu'),
      ],
      weights: [...(CONV.weights ?? []), { name: 's', dims: [], values: [0.1] }],
    };
    const profile = profileOf(await run(tinyModel(model), { ...WEBGPU, profile: true }, { x: CONV_X }));
    const where = (name: string): string | undefined => providerOf(profile, name);
    expect(['conv', 'quantize', 'DequantizeLinear_2', 'relu'].map(where)).toEqual([
      'webgpu',
      'wasm',
      'webgpu',
      'webgpu',
    ]);
    expect(profile.nodes.filter(({ opType }) => opType.startsWith('Memcpy'))).toHaveLength(2);
  });

  it('prints nothing into the page’s console', async () => {
    const page = await openPage();
    const model = { url: serve(tinyModel(CONV)) };
    await page.call('run', { model, options: { ...WEBGPU, profile: true }, feeds: { x: CONV_X } });
    expect(page.console).toEqual([]);
  });
});

describe.skipIf(!HAS_BROWSER)('float16', () => {
  const model: TinyModel = {
    nodes: [node('Relu', ['x'], 'y', 'relu')],
    inputs: [['x', FLOAT16, [2]]],
    outputs: [['y', FLOAT16]],
  };
  const x: RuntimeTensor = { dataType: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xc000) };

  it('is computed on the CPU', async () => {
    const { results } = await run(tinyModel(model), WASM, { x });
    expect(results['y']).toEqual({ ...x, data: Uint16Array.of(0x3c00, 0) });
  });

  it('is unavailable on an adapter without shader-f16, which takes nothing from it', async () => {
    const error = await errorOf(run(tinyModel(model), WEBGPU, { x }));
    expect(error.code).toBe('verify/provider-unavailable');
    expect(error.details).toEqual({ provider: 'webgpu', lacks: 'float16' });
    expect(error.message).toContain('Program Relu requires f16 but the device does not support it');
    expect((await run(tinyModel(CHAIN), WEBGPU, { x: X })).results['y']).toEqual(Y);
  });
});

describe.skipIf(!HAS_BROWSER)('external data', () => {
  const model = tinyModel({
    ...CHAIN,
    nodes: [node('Add', ['x', 'w'], 'z')],
    outputs: [['z', FLOAT]],
    weights: [{ name: 'w', dims: [2], location: 'sub/w.bin' }],
  });
  const data = new Uint8Array(Float32Array.of(10, 20).buffer);

  function runWith(path: string, bytes: Uint8Array, asBytes: boolean): Promise<RunResult> {
    return run(model, WASM, { x: X }, { externalData: [{ path, url: serve(bytes) }], asBytes });
  }

  it.each([
    ['a Blob', false],
    ['bytes', true],
  ])('is given as %s', async (_, asBytes) => {
    const { results } = await runWith('sub/w.bin', data, asBytes);
    expect(results).toEqual({ z: float32([1, 2], [9, 22]) });
  });

  it.each([
    ['of another name', 'w.bin', data],
    ['that is too short', 'sub/w.bin', data.subarray(4)],
  ])('%s is told', async (_, path, bytes) => {
    const error = await errorOf(runWith(path, bytes, false));
    expect(error.code).toBe('verify/model-rejected');
    expect(error.details).toEqual({ provider: 'wasm', reason: 'external-data' });
  });
});

describe.skipIf(!HAS_BROWSER)('a model that is refused', () => {
  describe.each([WASM, WEBGPU])('on $provider', (options) => {
    it.each(REFUSED)('for %s says %s', async (_, reason, model) => {
      const error = await errorOf(run(tinyModel(model), options, { x: X }));
      expect(error.code).toBe('verify/model-rejected');
      expect(error.details).toEqual({ provider: options.provider, reason });
      expect(error.message).toMatch(/^onnxruntime does not load the model \([^/\n]/);
    });

    it.each([
      ['nothing', new Uint8Array(0)],
      ['noise', Uint8Array.of(1, 2, 3, 4)],
      ['half a model', tinyModel(CHAIN).subarray(0, 40)],
    ])('for %s says invalid-model', async (_, bytes) => {
      const { details } = await errorOf(run(bytes, options, { x: X }));
      expect(details).toEqual({ provider: options.provider, reason: 'invalid-model' });
    });

    it('for a type that neither has a kernel for says no-kernel', async () => {
      const model: TinyModel = {
        nodes: [node('Relu', ['x'], 'y')],
        inputs: [['x', DOUBLE]],
        outputs: [['y', DOUBLE]],
      };
      const x: RuntimeTensor = { dataType: 'float64', dims: [1], data: Float64Array.of(1) };
      const { details } = await errorOf(run(tinyModel(model), options, { x }));
      expect(details).toEqual({ provider: options.provider, reason: 'no-kernel' });
    });
  });

  it('is told from a provider that this build lacks', async () => {
    const error = await errorOf(run(tinyModel(CHAIN), { ...WASM, provider: 'cuda' }, { x: X }));
    expect(error.code).toBe('verify/provider-unavailable');
    expect(error.details).toEqual({ provider: 'cuda' });
  });
});
