import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import {
  countByProvider,
  providerOf,
  type Runtime,
  type RuntimeTensor,
  type SessionOptions,
} from '../../src/verify/runtime.ts';
import { CHAIN, identity, node, REFUSED, TENSORS, X, Y, Z } from '../helpers/runtime-cases.ts';
import { HAS_WEBGPU, VULKAN_ENV } from '../helpers/swiftshader.ts';
import { type TinyModel, tinyModel } from '../helpers/tiny-model.ts';

const CPU: SessionOptions = { provider: 'cpu', graphOptimization: 'disabled' };
const { FLOAT } = DataType;

const folder = mkdtempSync(join(tmpdir(), 'se-inject-test-'));
let runtime: Runtime;

beforeAll(async () => {
  // The profiles go here, so that what is left behind is seen.
  vi.stubEnv('TMPDIR', folder);
  runtime = await openOnnxRuntime();
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('openOnnxRuntime', () => {
  it('names itself and its providers, the CPU first', () => {
    expect(runtime.name).toBe('onnxruntime-node');
    expect(runtime.version).toMatch(/^1\.\d+\.\d+$/);
    expect(runtime.providers[0]).toBe('cpu');
  });

  it('says how to install a missing package', async () => {
    const cause = new Error("Cannot find package 'onnxruntime-node'");
    await expect(openOnnxRuntime(() => Promise.reject(cause))).rejects.toThrow(
      expect.objectContaining({
        code: 'verify/runtime-missing',
        message:
          'onnxruntime-node cannot be loaded, so models cannot be run: npm install onnxruntime-node ' +
          '(offline, set ONNXRUNTIME_NODE_INSTALL=skip so that it does not fetch CUDA libraries)',
        cause,
      }),
    );
  });
});

describe('a session', () => {
  it('declares names, types and shapes; a scalar and an undeclared shape look alike', async () => {
    const session = await runtime.createSession({ bytes: tinyModel(CHAIN) }, CPU);
    expect(session.inputs).toEqual([{ name: 'x', dataType: 'float32', shape: ['N', 2] }]);
    expect(session.outputs).toEqual([
      { name: 'z', dataType: 'float32', shape: ['N', 2] },
      // onnxruntime infers what the model does not declare.
      { name: 'y', dataType: 'float32', shape: ['N', 2] },
    ]);
    const scalar: TinyModel = { ...CHAIN, inputs: [['x', FLOAT, []]], outputs: [['z', FLOAT]] };
    const other = await runtime.createSession({ bytes: tinyModel(scalar) }, CPU);
    expect(other.inputs[0]?.shape).toBeUndefined();
  });

  it.each(['disabled', 'basic', 'extended', 'all'] as const)(
    'reads outputs, with %s',
    async (graphOptimization) => {
      const session = await runtime.createSession({ bytes: tinyModel(CHAIN) }, { ...CPU, graphOptimization });
      const feeds = new Map([['x', X]]);
      const all = await session.run(feeds);
      expect([...all]).toEqual([
        ['z', Z],
        ['y', Y],
      ]);
      expect([...(await session.run(feeds, ['y']))]).toEqual([['y', Y]]);
      // A copy: a later run does not write into it.
      await session.run(new Map([['x', { ...X, data: Float32Array.of(5, 5) } as RuntimeTensor]]));
      expect(all.get('y')).toEqual(Y);
    },
  );

  it('loads a file, and the bytes of a part of a buffer', async () => {
    const bytes = tinyModel(CHAIN);
    const path = join(folder, 'chain.onnx');
    writeFileSync(path, bytes);
    const inside = new Uint8Array(bytes.length + 20).fill(255);
    inside.set(bytes, 10);
    for (const source of [{ path }, { bytes: inside.subarray(10, 10 + bytes.length) }]) {
      const session = await runtime.createSession(source, CPU);
      expect((await session.run(new Map([['x', X]]))).get('y')).toEqual(Y);
      await session.close();
    }
  });

  it('checks feeds and fetches before it runs', async () => {
    const session = await runtime.createSession({ bytes: tinyModel(CHAIN) }, CPU);
    const refusal = expect.objectContaining({ code: 'verify/invalid-input' });
    await expect(session.run(new Map())).rejects.toThrow(refusal);
    await expect(session.run(new Map([['x', X]]), ['w'])).rejects.toThrow(refusal);
  });

  it('tells of a run that fails', async () => {
    const model: TinyModel = {
      ...CHAIN,
      nodes: [node('MatMul', ['x', 'w'], 'z', 'product')],
      inputs: [['x', FLOAT]],
      outputs: [['z', FLOAT]],
      weights: [{ name: 'w', dims: [3, 1], values: [1, 2, 3] }],
    };
    const session = await runtime.createSession({ bytes: tinyModel(model) }, CPU);
    await expect(session.run(new Map([['x', X]]))).rejects.toThrow(
      expect.objectContaining({
        code: 'verify/run-failed',
        message: expect.stringContaining("Name:'product'"),
      }),
    );
  });

  it('is of no use once closed, and closes once', async () => {
    const session = await runtime.createSession({ bytes: tinyModel(CHAIN) }, { ...CPU, profile: true });
    expect(await session.close()).toEqual({ nodes: [] });
    expect(await session.close()).toBeUndefined();
    await expect(session.run(new Map([['x', X]]))).rejects.toThrow('the session is closed: create another');
  });

  it.each(TENSORS)('passes $dataType of shape $dims as it is', async (tensor) => {
    const session = await runtime.createSession({ bytes: tinyModel(identity(tensor)) }, CPU);
    expect((await session.run(new Map([['x', tensor]]))).get('y')).toEqual(tensor);
  });

  it('leaves out an output that has no array, instead of ending the process', async () => {
    const model: TinyModel = {
      nodes: [node('QuantizeLinear', ['x', 's', 'z'], 'q'), node('Relu', ['x'], 'y')],
      inputs: [
        ['x', FLOAT, [2]],
        ['s', FLOAT, []],
        ['z', DataType.INT4, []],
      ],
      outputs: [
        ['q', DataType.INT4],
        ['y', FLOAT],
      ],
      opset: 21,
      irVersion: 10,
    };
    const session = await runtime.createSession({ bytes: tinyModel(model) }, CPU);
    expect(session.outputs.map((output) => output.dataType)).toEqual([undefined, 'float32']);
    expect(session.inputs.at(-1)).toEqual({ name: 'z', dataType: undefined, shape: undefined });
  });

  it('tells what ran where, unnamed nodes by their operator and place', async () => {
    const session = await runtime.createSession({ bytes: tinyModel(CHAIN) }, { ...CPU, profile: true });
    await session.run(new Map([['x', X]]));
    await session.run(new Map([['x', X]]));
    expect(await session.close()).toEqual({
      nodes: [
        { name: 'relu', opType: 'Relu', provider: 'cpu' },
        { name: 'Neg_1', opType: 'Neg', provider: 'cpu' },
      ],
    });
    expect(readdirSync(folder).filter((name) => name.startsWith('se-inject-profile'))).toEqual([]);
  });

  it('computes float16 in float32 on the CPU, so that no overflow inside shows', async () => {
    const { FLOAT16 } = DataType;
    const model: TinyModel = {
      nodes: [node('Add', ['x', 'x'], 'twice'), node('Sub', ['twice', 'x'], 'y')],
      inputs: [['x', FLOAT16, [1]]],
      outputs: [['y', FLOAT16]],
    };
    // 60,000: its double is beyond the 65,504 that float16 holds.
    const x: RuntimeTensor = { dataType: 'float16', dims: [1], data: Uint16Array.of(0x7b53) };
    const session = await runtime.createSession({ bytes: tinyModel(model) }, CPU);
    expect((await session.run(new Map([['x', x]]))).get('y')).toEqual(x);
  });
});

describe('external data', () => {
  const model = tinyModel({
    ...CHAIN,
    nodes: [node('Add', ['x', 'w'], 'z')],
    outputs: [['z', FLOAT]],
    weights: [{ name: 'w', dims: [2], location: 'w.bin' }],
  });
  const data = new Uint8Array(Float32Array.of(10, 20).buffer);
  const sum: RuntimeTensor = { dataType: 'float32', dims: [1, 2], data: Float32Array.of(9, 22) };

  it('of bytes is found in a folder, and given as bytes or as a Blob', async () => {
    writeFileSync(join(folder, 'w.bin'), data);
    for (const externalData of [
      { folder },
      { files: [{ path: 'w.bin', data }] },
      { files: [{ path: 'w.bin', data: new Blob([data]) }] },
    ]) {
      const session = await runtime.createSession({ bytes: model, externalData }, CPU);
      expect((await session.run(new Map([['x', X]]))).get('z')).toEqual(sum);
    }
  });

  it('of a file is found beside it', async () => {
    writeFileSync(join(folder, 'w.bin'), data);
    writeFileSync(join(folder, 'external.onnx'), model);
    const session = await runtime.createSession({ path: join(folder, 'external.onnx') }, CPU);
    expect((await session.run(new Map([['x', X]]))).get('z')).toEqual(sum);
  });

  it.each([
    ['is nowhere', undefined],
    ['is not in the folder', { folder: join(folder, 'none') }],
    ['is too short', { files: [{ path: 'w.bin', data: data.subarray(4) }] }],
  ])('that %s is told', async (_, externalData) => {
    await expect(runtime.createSession({ bytes: model, externalData }, CPU)).rejects.toThrow(
      expect.objectContaining({
        code: 'verify/model-rejected',
        details: { provider: 'cpu', reason: 'external-data' },
      }),
    );
  });
});

describe('a model that is refused', () => {
  it.each(REFUSED)('for %s says %s', async (_, reason, model) => {
    await expect(runtime.createSession({ bytes: tinyModel(model) }, CPU)).rejects.toThrow(
      expect.objectContaining({ code: 'verify/model-rejected', details: { provider: 'cpu', reason } }),
    );
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['noise', Uint8Array.of(1, 2, 3, 4)],
    ['half a model', tinyModel(CHAIN).subarray(0, 40)],
  ])('for %s says invalid-model', async (_, bytes) => {
    await expect(runtime.createSession({ bytes }, CPU)).rejects.toThrow(
      expect.objectContaining({ details: { provider: 'cpu', reason: 'invalid-model' } }),
    );
  });

  it('says why in one line, without the runtime’s own source files, and leaves no profile behind', async () => {
    const bytes = tinyModel({ ...CHAIN, irVersion: 99 });
    const message = await runtime
      .createSession({ bytes }, { ...CPU, profile: true })
      .then(String, (error) => error.message);
    expect(message).toMatch(
      /^onnxruntime does not load the model \(Unsupported model IR version: 99, [^\n]+\): it needs /,
    );
    expect(readdirSync(folder).filter((name) => name.startsWith('se-inject-profile'))).toEqual([]);
  });

  it('is told from a provider that is not here', async () => {
    const options = { ...CPU, provider: 'abacus' };
    await expect(runtime.createSession({ bytes: tinyModel(CHAIN) }, options)).rejects.toThrow(
      expect.objectContaining({ code: 'verify/provider-unavailable', details: { provider: 'abacus' } }),
    );
  });
});

describe.skipIf(!HAS_WEBGPU)('WebGPU', () => {
  const WEBGPU: SessionOptions = { provider: 'webgpu', graphOptimization: 'disabled', profile: true };

  beforeAll(() => {
    for (const [name, value] of Object.entries(VULKAN_ENV)) vi.stubEnv(name, value);
  });

  it('runs what it can; nodes that the layout rewrite renamed are found by their own name', async () => {
    const model: TinyModel = {
      nodes: [node('Conv', ['x', 'w'], 'c', 'conv'), node('Relu', ['c'], 'y', 'relu')],
      inputs: [['x', FLOAT, [1, 2, 3, 3]]],
      outputs: [['y', FLOAT]],
      weights: [{ name: 'w', dims: [1, 2, 1, 1], values: [1, -1] }],
    };
    const session = await runtime.createSession({ bytes: tinyModel(model) }, WEBGPU);
    const data = Float32Array.from({ length: 18 }, (_, i) => (i < 9 ? i : 2));
    const y = (await session.run(new Map([['x', { dataType: 'float32', dims: [1, 2, 3, 3], data }]]))).get(
      'y',
    );
    expect(y?.data).toEqual(Float32Array.of(0, 0, 0, 1, 2, 3, 4, 5, 6));
    const profile = await session.close();
    if (profile === undefined) throw new Error('no profile');
    expect(providerOf(profile, 'conv')).toBe('webgpu');
    expect(providerOf(profile, 'relu')).toBe('webgpu');
  });

  it('leaves to the CPU what it cannot run, without a word: only the profile tells', async () => {
    const { DOUBLE } = DataType;
    const model: TinyModel = {
      nodes: [node('Relu', ['x'], 'y', 'relu')],
      inputs: [['x', DOUBLE]],
      outputs: [['y', DOUBLE]],
    };
    const session = await runtime.createSession({ bytes: tinyModel(model) }, WEBGPU);
    await session.run(new Map([['x', { dataType: 'float64', dims: [1], data: Float64Array.of(1) }]]));
    const profile = await session.close();
    if (profile === undefined) throw new Error('no profile');
    expect([...countByProvider(profile)]).toEqual([['cpu', 1]]);
  });
});
