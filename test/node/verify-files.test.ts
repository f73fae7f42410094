import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { verifyFiles } from '../../src/node/verify-files.ts';
import { testFolder } from '../helpers/folder.ts';
import { injectBytes } from '../helpers/verify-bytes.ts';

const folder = testFolder();
const NET = cifarResnet20({ shortcut: 'poolConcat', width: 4, style: STYLES.torchscript }).model;

async function pair(): Promise<readonly [before: string, after: string]> {
  return [folder.write('net.onnx', NET), folder.write('net.se.onnx', await injectBytes(NET))];
}

describe('verifyFiles', () => {
  it('makes a verdict of a provider that takes too long, and keeps the model', async () => {
    const [before, after] = await pair();
    const report = await verifyFiles(before, after, { providers: ['cpu'], timeoutMs: 1 });
    expect(report).toMatchObject({
      verdict: 'unchecked',
      detail: 'cpu: nothing was said within 0 s',
      edit: { ok: true, findings: [] },
      providers: [{ provider: 'cpu', status: 'timeout' }],
    });
    expect(folder.read('net.se.onnx').length).toBeGreaterThan(NET.length);
  });

  it('makes a verdict of a provider that takes too much memory', async () => {
    const [before, after] = await pair();
    const report = await verifyFiles(before, after, { providers: ['cpu'], memoryBytes: 1_000_000 });
    expect(report).toMatchObject({
      verdict: 'unchecked',
      providers: [{ provider: 'cpu', status: 'crashed', detail: 'it took more memory than it may' }],
    });
  });

  it('calls a provider that is not there unavailable, and leaves open what it was asked for by name', async () => {
    const [before, after] = await pair();
    const report = await verifyFiles(before, after, { providers: ['cpu', 'coreml'] });
    expect(report.providers.map(({ provider, status }) => [provider, status])).toEqual([
      ['cpu', 'ok'],
      ['coreml', 'unavailable'],
    ]);
    expect(report.verdict).toBe('unchecked');
  });

  it('tells what it is doing, step by step', async () => {
    const [before, after] = await pair();
    const steps: string[] = [];
    await verifyFiles(before, after, { providers: ['cpu'], onProgress: (step) => steps.push(step) });
    expect(steps).toEqual([
      'comparing the files',
      'cpu: running the original',
      'cpu: running the rewritten model',
      'cpu: running both with graph optimizations',
    ]);
  });
});
