import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSeInjectError } from '../../src/errors.ts';
import { openFile } from '../../src/node/file-source.ts';
import { saveModel } from '../../src/node/save-model.ts';
import { verifyFiles } from '../../src/node/verify-files.ts';
import { rewrite } from '../../src/splice/index.ts';
import type { VerifyReport } from '../../src/verify/index.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { type CorpusModel, localModels, packagedModels } from '../helpers/corpus.ts';
import { HAS_WEBGPU, VULKAN_ENV } from '../helpers/swiftshader.ts';

/** Networks that cannot pass, and what verification must say of them. */
const UNCHECKED: Readonly<Record<string, RegExp>> = {
  // Weights made by ConstantOfShape: one output value, whatever happens inside.
  'light-resnet50.onnx': /does not depend on this site/,
  'light-shufflenet.onnx': /does not depend on this site/,
  'light-inception-v1.onnx': /does not depend on this site/,
  'light-inception-v2.onnx': /does not depend on this site/,
  'light-squeezenet.onnx': /does not depend on this site/,
  'light-vgg19.onnx': /does not depend on this site/,
  // The network's output has the same bits whatever its first block's gate is, on inputs of every range.
  'tinyvit.onnx': /does not depend on this site/,
  'bad-missing-external-resnet18.onnx': /the original does not run/,
  'bad-requantshift-mobilenet.onnx': /the original does not run/,
};

/** Networks whose output follows a gate by its last bit or not at all: processors round their sums differently. */
const ON_THE_EDGE: Readonly<Record<string, RegExp>> = {
  'light-densenet121.onnx': /does not depend on this site/,
};

/** Networks of different families that are small enough for a GPU in software. */
const ON_WEBGPU = [
  'pulp-dronet.onnx',
  'qonnx-residual-block.onnx',
  'streaming-esp32p4.onnx',
  'ppocr-cls.onnx',
  'rfb-320-ir4.onnx',
  'selfie-segmentation.onnx',
  'fastestdet.onnx',
  'proxyless-int.onnx',
  'mnv3-detection-ort-optimized.onnx',
  'face_detection_front_128x128_barracuda.onnx',
  'minifasnet-se.onnx',
];

/** Networks of different families in which blocks are started at random: the others would only repeat them. */
const AT_RANDOM = [
  ...ON_WEBGPU,
  'minifasnet-se-dynamic-int8.onnx',
  'sinet.onnx',
  'nanodet-m.onnx',
  'squeezenet-fp16.onnx',
];

const LOCAL = localModels();
if (LOCAL.length === 0) console.warn('no local models: set SE_INJECT_MODELS to a folder of .onnx files');
const MODELS = [...packagedModels(), ...LOCAL];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'se-inject-corpus-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The models at hand that have one of these file names. */
function among(names: readonly string[]): readonly CorpusModel[] {
  return MODELS.filter(({ path }) => names.includes(basename(path)));
}

/** Injects into a model, writes the result and verifies it; nothing where there is no site. */
async function injectAndVerify(
  { path }: CorpusModel,
  init: string,
  provider: string,
): Promise<VerifyReport | undefined> {
  const source = await openFile(path);
  try {
    const rewritten = await rewrite(source, { init });
    if (rewritten.plan.sites.length === 0) return undefined;
    const home = mkdtempSync(join(folder, 'model-'));
    const after = join(home, basename(path));
    // Data files of the model come along.
    await saveModel(rewritten, after).catch((error: unknown) => {
      if (!isSeInjectError(error) || error.code !== 'onnx/external-data-missing') throw error;
      return patchedBytes(rewritten.patch).then((bytes) => writeFileSync(after, bytes));
    });
    return await verifyFiles(path, after, { providers: [provider] });
  } finally {
    await source.close();
  }
}

describe('on the CPU', () => {
  it.each(MODELS)('$name computes what it did, bit for bit', async (model) => {
    const report = await injectAndVerify(model, 'neutral', 'cpu');
    if (report === undefined) return;
    const name = basename(model.path);
    const allowed = UNCHECKED[name] ?? (report.verdict === 'unchecked' ? ON_THE_EDGE[name] : undefined);
    if (allowed !== undefined) {
      expect([report.verdict, report.detail]).toEqual(['unchecked', expect.stringMatching(allowed)]);
    } else {
      expect([report.verdict, report.detail]).toEqual(['pass', expect.stringMatching(/bit for bit/)]);
    }
    // The blocks are exact and right even where the outputs cannot tell.
    expect(report.edit).toEqual({ ok: true, findings: [] });
    const [cpu] = report.providers;
    expect(cpu?.sites.every(({ bitExact, oracleMaxRel }) => bitExact && oracleMaxRel <= 1)).toBe(true);
    const off = cpu?.levels.find(({ graphOptimization }) => graphOptimization === 'disabled');
    expect(off?.outputs.every(({ bitExact }) => bitExact) ?? true).toBe(true);
  });

  it.each(among(AT_RANDOM))(
    '$name has blocks that compute what the float64 reference does, started at random',
    async (model) => {
      const report = await injectAndVerify(model, 'kaiming-uniform', 'cpu');
      if (report === undefined || UNCHECKED[basename(model.path)] !== undefined) return;
      expect([report.verdict, report.detail]).toEqual(['pass', expect.stringMatching(/float64 reference/)]);
      expect(report.providers[0]?.sites.every(({ bitExact }) => bitExact)).toBe(false);
    },
  );
});

describe.skipIf(!HAS_WEBGPU)('on WebGPU', () => {
  beforeAll(() => {
    Object.assign(process.env, VULKAN_ENV);
  });

  it.each(among(ON_WEBGPU))('$name computes what it did, with the blocks on the GPU', async (model) => {
    const report = await injectAndVerify(model, 'neutral', 'webgpu');
    expect([report?.verdict, report?.detail]).toEqual(['pass', expect.any(String)]);
    const [webgpu] = report?.providers ?? [];
    expect(Object.keys(webgpu?.injectedByProvider ?? {})).toEqual(['webgpu']);
    expect(webgpu?.adapter?.fallback).toBe(true);
    expect(webgpu?.sites.every(({ bitExact, oracleMaxRel }) => bitExact && oracleMaxRel <= 1)).toBe(true);
  });

  it.each(
    among([
      'streaming-esp32p4.onnx',
      'qonnx-residual-block.onnx',
      'face_detection_front_128x128_barracuda.onnx',
    ]),
  )('$name has blocks that compute what the float64 reference does, started at random', async (model) => {
    const report = await injectAndVerify(model, 'kaiming-uniform', 'webgpu');
    expect([report?.verdict, report?.detail]).toEqual(['pass', expect.stringMatching(/float64 reference/)]);
    const sites = report?.providers[0]?.sites ?? [];
    expect(sites.every(({ oracleMaxRel, bitExact }) => oracleMaxRel <= 1 && !bitExact)).toBe(true);
  });

  it.each(among(['squeezenet-fp16.onnx']))(
    '$name is called unavailable: this adapter has no float16',
    async (model) => {
      const report = await injectAndVerify(model, 'neutral', 'webgpu');
      expect(report?.providers[0]).toMatchObject({ provider: 'webgpu', status: 'unavailable' });
      expect(report?.providers[0]?.detail).toMatch(/float16|f16/);
      expect(report?.verdict).toBe('unchecked');
    },
  );
});
