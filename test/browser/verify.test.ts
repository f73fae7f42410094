import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { residualNet } from '../../fixtures/strange/nets.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { STYLES } from '../../fixtures/style.ts';
import { wireWriter } from '../../fixtures/wire-writer.ts';
import type { ProviderReport, VerifyReport } from '../../src/verify/index.ts';
import { localModels, packagedModels } from '../helpers/corpus.ts';
import { closePages, hasBrowser, openPage, serve, type TestPage } from './harness.ts';

/** Real networks of different families that are small enough for a GPU in software. */
const REAL = [
  'face_detection_front_128x128_barracuda.onnx',
  'pulp-dronet.onnx',
  'qonnx-residual-block.onnx',
  'rfb-320-ir4.onnx',
];

const MODELS: readonly (readonly [string, () => Uint8Array])[] = [
  ['residual block', () => writeModel(wireWriter(), residualNet().model)],
  ['ResNet-20', () => cifarResnet20({ shortcut: 'poolConcat', style: STYLES.torchscript }).model],
  ...[...packagedModels(), ...localModels()]
    .filter(({ path }) => REAL.includes(basename(path)))
    .map(({ name, path }) => [name, () => readFileSync(path)] as const),
];

const HAS_BROWSER = await hasBrowser();

let page: TestPage;
beforeAll(async () => {
  if (HAS_BROWSER) page = await openPage();
});
afterAll(closePages);

function providerReport(report: VerifyReport, provider: string): ProviderReport {
  const found = report.providers.find((candidate) => candidate.provider === provider);
  if (found === undefined) throw new Error(`nothing is said of "${provider}"`);
  return found;
}

describe.skipIf(!HAS_BROWSER)('verify, in the page', () => {
  describe.each(MODELS)('%s', (_, build) => {
    it.each(['neutral', 'kaiming-uniform'])('passes with %s blocks, which ran on WebGPU', async (init) => {
      const [report] = await page.call('verify', [{ before: { url: serve(build()) }, inject: { init } }]);
      if (report === undefined) throw new Error('no report');
      expect([report.verdict, report.detail]).toEqual(['pass', expect.any(String)]);
      const wasm = providerReport(report, 'wasm');
      const webgpu = providerReport(report, 'webgpu');
      expect([wasm.status, webgpu.status]).toEqual(['ok', 'ok']);
      expect(wasm.adapter).toBeNull();
      expect(webgpu.adapter).toEqual({
        vendor: 'google',
        architecture: 'swiftshader',
        description: '',
        fallback: true,
      });
      expect(webgpu.sites.length).toBeGreaterThan(0);
      const injected = wasm.injectedByProvider['wasm'];
      expect(injected).toBeGreaterThan(0);
      expect(wasm.injectedByProvider).toEqual({ wasm: injected });
      expect(webgpu.injectedByProvider).toEqual({ webgpu: injected });
    });
  });

  it('fails on both providers where the block takes the maximum for the average', async () => {
    const before = { url: serve(writeModel(wireWriter(), residualNet().model)) };
    const [report] = await page.call('verify', [{ before, inject: { init: 'neutral', wrong: true } }]);
    if (report === undefined) throw new Error('no report');
    expect(report.edit.ok).toBe(true);
    expect(report.verdict).toBe('fail');
    for (const provider of ['wasm', 'webgpu']) {
      const { status, sites } = providerReport(report, provider);
      const codes = sites.flatMap(({ findings }) => findings.map(({ code }) => code));
      expect([provider, status, codes]).toEqual([provider, 'mismatch', ['not-the-block']]);
    }
  });
});
