import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { verifyFiles } from '../../src/node/verify-files.ts';
import { concatBytes } from '../../src/wire/bytes.ts';
import { testFolder } from '../helpers/folder.ts';
import { injectBytes, plant } from '../helpers/verify-bytes.ts';

const folder = testFolder();
const NET = cifarResnet20({ shortcut: 'poolConcat', width: 4, style: STYLES.torchscript }).model;

async function pair(): Promise<readonly [before: string, after: string]> {
  return [folder.write('net.onnx', NET), folder.write('net.se.onnx', await injectBytes(NET))];
}

/** Moves the data of the large initializers of a network into a file beside it. */
function outsourced(bytes: Uint8Array, location: string): { model: Uint8Array; data: Uint8Array } {
  const moved: Uint8Array[] = [];
  let offset = 0;
  const model = plant(bytes, (graph) => {
    for (const tensor of graph.initializer) {
      const raw = tensor.rawData;
      if (raw == null || raw.length < 256) continue;
      const place = { location, offset: String(offset), length: String(raw.length) };
      tensor.externalData = Object.entries(place).map(([key, value]) => ({ key, value }));
      tensor.dataLocation = 1;
      tensor.rawData = new Uint8Array(0);
      delete tensor.rawData;
      moved.push(raw.slice());
      offset += raw.length;
    }
  });
  return { model, data: concatBytes(moved) };
}

describe('data files', () => {
  /** A network with a data file, and what was made of it in another folder with a copy of the data. */
  async function pairWithData(
    init: string,
    change: (copy: Uint8Array) => Uint8Array,
  ): Promise<readonly [before: string, after: string]> {
    const { model, data } = outsourced(NET, 'net.data');
    mkdirSync(folder.at('other'), { recursive: true });
    const before = folder.write('net.onnx', model);
    folder.write('net.data', data);
    folder.write(join('other', 'net.data'), change(data.slice()));
    return [before, folder.write(join('other', 'net.se.onnx'), await injectBytes(model, { init }))];
  }

  const flip = (copy: Uint8Array): Uint8Array => copy.with(1000, (copy[1000] ?? 0) ^ 1);

  it.each(['neutral', 'kaiming-uniform'])(
    'are compared where there are two: one flipped bit is found, started %s',
    async (init) => {
      const same = await pairWithData(init, (copy) => copy);
      expect(await verifyFiles(...same, { providers: ['cpu'] })).toMatchObject({ verdict: 'pass' });
      const pair = await pairWithData(init, flip);
      const report = await verifyFiles(...pair, { providers: ['cpu'] });
      expect([report.verdict, report.detail]).toEqual([
        'fail',
        expect.stringMatching(
          /^the data of tensor ".+" in "net.data" differ from the original’s at byte 1000$/,
        ),
      ]);
    },
  );

  it('may hold bytes that no tensor lies in', async () => {
    const pair = await pairWithData('neutral', (copy) => concatBytes([copy, Uint8Array.of(1, 2, 3)]));
    expect(await verifyFiles(...pair, { providers: ['cpu'] })).toMatchObject({ verdict: 'pass' });
  });

  it('are one in one folder, whatever the folder is called', async () => {
    const { model, data } = outsourced(NET, 'net.data');
    folder.write('net.data', data);
    symlinkSync(folder.at(), folder.at('link'));
    const before = folder.write('net.onnx', model);
    folder.write('net.se.onnx', await injectBytes(model));
    const report = await verifyFiles(before, folder.at('link', 'net.se.onnx'), { providers: ['cpu'] });
    expect(report).toMatchObject({ verdict: 'pass', edit: { findings: [] } });
  });

  it('that the original lacks are not missed in the rewritten model', async () => {
    const [before, after] = await pairWithData('neutral', (copy) => copy);
    rmSync(folder.at('net.data'));
    const report = await verifyFiles(before, after, { providers: ['cpu'] });
    expect([report.verdict, report.detail, report.edit.findings]).toEqual([
      'unchecked',
      expect.stringMatching(/the original does not run/),
      [],
    ]);
  });

  it('that are cut short are said to be, and nothing passes', async () => {
    const pair = await pairWithData('neutral', (copy) => copy.subarray(0, copy.length - 4));
    const report = await verifyFiles(...pair, { providers: ['cpu'] });
    expect(report.verdict).toBe('fail');
    expect(report.edit.findings).toMatchObject([{ level: 'unchecked', code: 'data-not-compared' }]);
  });
});

describe('verifyFiles', () => {
  it('makes a verdict of a provider that takes too long, and keeps the model', async () => {
    const [before, after] = await pair();
    const report = await verifyFiles(before, after, { providers: ['cpu'], timeoutMs: 1 });
    expect(report).toMatchObject({
      verdict: 'unchecked',
      detail: 'cpu: nothing was said within 0.001 s',
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

  it.skipIf(process.platform !== 'linux')('leaves no file open where one cannot be opened', async () => {
    const [before] = await pair();
    const open = (): string[] =>
      readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path === before);
        } catch {
          return [];
        }
      });
    await expect(verifyFiles(before, folder.at('none.onnx'), { providers: ['cpu'] })).rejects.toMatchObject({
      code: 'node/not-found',
    });
    expect(open()).toEqual([]);
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
