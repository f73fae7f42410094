import { linkSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { strangeModels } from '../../fixtures/strange.ts';
import type { Report } from '../../src/report/report.ts';
import { testFolder } from '../helpers/folder.ts';
import { modelBytes } from '../helpers/model.ts';
import { runCli, runUnverified } from '../helpers/run-cli.ts';

const folder = testFolder();

function strange(name: string): Uint8Array {
  const model = strangeModels().find((candidate) => candidate.name === name);
  if (model === undefined) throw new Error(`no model "${name}"`);
  return model.bytes;
}

const RESIDUAL = strange('plain-residual');
const INVERTED = strange('plain-inverted');

/** A network without a place for a block. */
const PLAIN = modelBytes({
  inputs: { x: ['N', 3, 8, 8] },
  outputs: { y: ['N', 4, 8, 8] },
  weights: { w: { floats: new Array<number>(12).fill(0.5), dims: [4, 3, 1, 1] } },
  nodes: [
    ['Conv', 'x w', 'c'],
    ['Relu', 'c', 'y'],
  ],
});

function reportOf(text: string): Report {
  expect(text).toMatch(/^[^\n]*\n$/);
  return JSON.parse(text) as Report;
}

describe('inject', () => {
  it('is the main job: it writes <name>.se.onnx beside the model', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    const run = await runCli([path]);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(readdirSync(folder.at('.'))).toEqual(['net.onnx', 'net.se.onnx']);
    expect(folder.read('net.onnx')).toEqual(RESIDUAL);
    expect(run.out).toMatch(
      new RegExp(
        `^${path} \\([\\d.]+ KB\\) → ${folder.at('net.se.onnx')} \\([\\d.]+ KB\\), 1 SE block in [\\d.]+ ms$`,
        'm',
      ),
    );
    expect(run.out).toMatch(/^pass: cpu: outputs equal the original’s bit for bit, 1 block computes/m);
    expect(run.out).toMatch(/^Its gates start at exactly 1/m);
    expect(run.out).not.toContain('\u001b');
  });

  it('may be called by its name, and gives the same bytes', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    await runUnverified([path, '-o', folder.at('a.onnx')]);
    await runUnverified(['inject', path, '-o', folder.at('b.onnx')]);
    expect(folder.read('a.onnx')).toEqual(folder.read('b.onnx'));
  });

  it('gives the file back, bit for bit, when its blocks are taken out', async () => {
    const path = folder.write('net.onnx', INVERTED);
    await runUnverified([path]);
    const run = await runCli(['strip', folder.at('net.se.onnx')]);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toContain('1 of 1 SE block taken out: the file from before the injection');
    expect(folder.read('net.stripped.onnx')).toEqual(INVERTED);
  });

  it('prints the report alone on stdout with --json', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    const run = await runCli([
      path,
      '--json',
      '--provider',
      'cpu',
      '--reduction-ratio',
      '2',
      '--no-bias',
      '--seed',
      '7',
    ]);
    expect(run.exitCode).toBe(0);
    const report = reportOf(run.out);
    const added = 2 * 16 * 8;
    expect(report).toMatchObject({
      schemaVersion: 0,
      tool: { name: 'se-inject' },
      outcome: 'injected',
      input: { path, bytes: RESIDUAL.length, irVersion: 7, opset: 13, nodes: 9 },
      output: { path: folder.at('net.se.onnx'), bytes: folder.read('net.se.onnx').length, dataFiles: [] },
      options: { block: 'se', init: 'neutral', seed: 7, reductionRatio: 2, bias: false, verify: 'auto' },
      sites: [
        {
          id: '0_1',
          kind: 'residual',
          value: 'branch',
          node: 'add',
          channels: 16,
          channelAxis: 1,
          spatial: [8, 8],
          dataType: 'FLOAT',
          quantization: null,
          injected: true,
          block: 'se',
          placement: 'standard',
          reducedChannels: 8,
          addedParameters: added,
        },
      ],
      verification: {
        verdict: 'pass',
        edit: { ok: true, findings: [] },
        inputs: { source: 'seeded', shapes: { image: [1, 3, 8, 8] } },
        providers: [
          {
            provider: 'cpu',
            status: 'ok',
            sites: [{ id: '0_1', ok: true, bitExact: true, sensitive: true }],
          },
        ],
      },
    });
    expect(report.output!.parameters - report.input.parameters).toBe(added);
    expect(report.output!.macs! - report.input.macs!).toBe(report.sites[0]!.addedMacs);
    expect(report.output!.nodes).toBeGreaterThan(report.input.nodes);
    expect(Object.values(report.timings).every((ms) => ms >= 0)).toBe(true);
  });

  it('reads stdin and writes stdout', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    await runUnverified([path]);
    const expected = Buffer.from(folder.read('net.se.onnx'));
    const piped = await runUnverified(['-'], { stdin: RESIDUAL });
    expect(piped.exitCode).toBe(0);
    expect(piped.stdout.equals(expected)).toBe(true);
    expect(piped.err).toMatch(/^stdin \(.*\) → stdout \(.*\), 1 SE block/m);
    expect((await runUnverified([path, '-o', '-'])).stdout.equals(expected)).toBe(true);
    const toFile = await runUnverified(['-', '-o', folder.at('out.onnx'), '--quiet'], { stdin: RESIDUAL });
    expect(toFile).toMatchObject({ exitCode: 0, out: '', err: '' });
    expect(folder.read('out.onnx')).toEqual(folder.read('net.se.onnx'));
  });

  it('does not write a model to a terminal', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    const run = await runUnverified([path, '-o', '-'], { terminal: true, env: { NO_COLOR: '1' } });
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(/stdout is a terminal/);
  });

  it('writes nothing with --dry-run, and says what it would do', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    const before = folder.list();
    const run = await runUnverified([path, '--dry-run']);
    expect(run.exitCode).toBe(0);
    expect(run.out).toContain('1 SE block would be injected, nothing was written');
    const report = reportOf((await runUnverified([path, '--dry-run', '--json'])).out);
    expect(report).toMatchObject({
      outcome: 'planned',
      output: null,
      sites: [{ injected: false, block: 'se' }],
    });
    expect(folder.list()).toEqual(before);
  });

  it('says nothing with --quiet', async () => {
    const run = await runUnverified([folder.write('net.onnx', RESIDUAL), '--quiet']);
    expect(run).toMatchObject({ exitCode: 0, out: '', err: '' });
  });

  it('answers no where there is no site, and writes nothing', async () => {
    const path = folder.write('plain.onnx', PLAIN);
    const before = folder.list();
    const run = await runUnverified([path, '-o', folder.at('out.onnx')]);
    expect(run.exitCode).toBe(1);
    expect(run.out).toContain('no place for a block was found, and nothing was written');
    expect(folder.list()).toEqual(before);
  });

  it('does not count a gate that stands outside of any block for SE', async () => {
    const gated = modelBytes({
      inputs: { x: ['N', 4, 8, 8] },
      outputs: { y: ['N', 4, 8, 8] },
      weights: {
        a: { floats: new Array<number>(8).fill(0.5), dims: [2, 4, 1, 1] },
        b: { floats: new Array<number>(8).fill(0.5), dims: [4, 2, 1, 1] },
      },
      nodes: [
        ['GlobalAveragePool', 'x', 'p'],
        ['Conv', 'p a', 'r'],
        ['Relu', 'r', 's'],
        ['Conv', 's b', 'e'],
        ['Sigmoid', 'e', 'g'],
        ['Mul', 'x g', 'y'],
      ],
    });
    const run = await runUnverified([folder.write('gated.onnx', gated), '--json']);
    expect(run.exitCode).toBe(1);
    expect(reportOf(run.out)).toMatchObject({
      outcome: 'no-site',
      output: null,
      existing: [{ kind: 'gate', value: 'x' }],
    });
  });

  it('has nothing to do where every site has SE; the file is written only where it was asked for by name', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    await runUnverified([path]);
    const once = folder.read('net.se.onnx');
    const run = await runUnverified([folder.at('net.se.onnx')]);
    expect(run.exitCode).toBe(0);
    expect(run.out).toContain('nothing to do, its SE block is there already');
    expect(readdirSync(folder.at('.'))).toEqual(['net.onnx', 'net.se.onnx']);
    const named = await runUnverified([folder.at('net.se.onnx'), '-o', folder.at('twice.onnx'), '--json']);
    expect(reportOf(named.out)).toMatchObject({ outcome: 'unchanged', verification: null });
    expect(folder.read('twice.onnx')).toEqual(once);
  });

  it('gives the identical file where all sites are left out', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    const run = await runUnverified([path, '--exclude', 'branch', '-o', folder.at('out.onnx')]);
    expect(run.exitCode).toBe(0);
    expect(run.out).toContain('none of its 1 sites was chosen');
    expect(folder.read('out.onnx')).toEqual(RESIDUAL);
  });

  it('refuses a pattern that matches no site', async () => {
    const run = await runUnverified([folder.write('net.onnx', RESIDUAL), '--include', '9_9']);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toBe(
      `se-inject: ${folder.at('net.onnx')}: include "9_9" matches no site: the sites are 0_1 [sites/unknown-site]\n`,
    );
  });

  it('works through several inputs; one that fails does not stop the others, and the worst exit code counts', async () => {
    const [a, b, c] = [
      folder.write('a.onnx', RESIDUAL),
      folder.write('b.onnx', 'this is text, no model'),
      folder.write('c.onnx', PLAIN),
    ];
    const run = await runUnverified([c, b, a, '--json']);
    expect(run.exitCode).toBe(2);
    const lines = run.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { outcome: 'no-site', input: { path: c } },
      { input: { path: b }, error: { code: 'onnx/foreign-format' } },
      { outcome: 'injected', input: { path: a } },
    ]);
    expect(run.err).toMatch(
      /^se-inject: .*b\.onnx: the file is text, no ONNX model: .* \[onnx\/foreign-format\]\n$/,
    );
    expect(readdirSync(folder.at('.'))).toEqual(['a.onnx', 'a.se.onnx', 'b.onnx', 'c.onnx']);
    expect((await runUnverified([a, c, '--force', '--quiet'])).exitCode).toBe(1);
  });

  it('needs --force to replace a file, and never replaces the input', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    folder.write('net.se.onnx', 'theirs');
    linkSync(path, folder.at('hard.onnx'));
    symlinkSync('net.onnx', folder.at('soft.onnx'));
    const before = folder.list();
    expect(await runUnverified([path])).toMatchObject({
      exitCode: 2,
      out: '',
      err: `se-inject: "${folder.at('net.se.onnx')}" exists: use --force to replace it, or -o to write elsewhere [node/output-exists]\n`,
    });
    for (const name of ['net.onnx', 'hard.onnx', 'soft.onnx']) {
      const run = await runUnverified([path, '-o', folder.at(name), '--force']);
      expect(run).toMatchObject({ exitCode: 2, out: '' });
      expect(run.err).toContain('[node/same-file]');
    }
    expect(folder.list()).toEqual(before);
    expect((await runUnverified([path, '--force', '--quiet'])).exitCode).toBe(0);
    expect(folder.read('net.se.onnx').length).toBeGreaterThan(RESIDUAL.length);
  });

  it('gives unchecked for no with --verify require, and says nothing of it with off', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    expect((await runCli([path, '--verify', 'require', '--quiet'])).exitCode).toBe(0);
    // A provider that does not exist was asked for by name, so its question is left open.
    const open = [path, '--provider', 'cpu,nothing', '--quiet', '--force'];
    expect((await runCli([...open, '--verify', 'require'])).exitCode).toBe(1);
    expect((await runCli(open)).exitCode).toBe(0);
    const off = await runCli([path, '--verify', 'off', '--json', '--force']);
    expect(off.exitCode).toBe(0);
    expect(reportOf(off.out).verification).toBe(null);
  });

  it('shows names of the model harmlessly, in text and in JSON', async () => {
    const evil = 'x\u001b[2J\u009b31m\u202e/y';
    const bytes = modelBytes({
      inputs: { x: ['N', 16, 8, 8] },
      outputs: { out: ['N', 16, 8, 8] },
      weights: { w: { floats: new Array<number>(16 * 16 * 9).fill(0.01), dims: [16, 16, 3, 3] } },
      nodes: [
        ['Relu', 'x', 'r'],
        ['Conv', 'r w', evil, { pads: [1, 1, 1, 1] }],
        ['Add', `${evil} r`, 'out'],
      ],
    });
    const path = folder.write('net\u001b[1m.onnx', bytes);
    mkdirSync(folder.at('o'));
    for (const argv of [
      [path, '-o', folder.at('o', 'a.onnx'), '--verbose'],
      ['sites', path],
      [path, '-o', folder.at('o', 'b.onnx'), '--json'],
      [path, '--include', 'zz'],
    ]) {
      const run = await runCli(argv);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(run.out + run.err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(run.out + run.err).not.toBe('');
    }
    const json = await runCli(['sites', path, '--json']);
    expect(reportOf(json.out).sites.map(({ value }) => value)).toEqual([evil]);
  });

  it('colours what a terminal shows, unless NO_COLOR asks for none', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    expect((await runUnverified([path, '--dry-run'], { terminal: true })).out).toContain('\u001b[1m');
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      expect((await runUnverified([path, '--dry-run'], { terminal: true, env })).out).not.toContain('\u001b');
    }
  });

  it('takes data files along to another folder, and tells their size first', async () => {
    const { bytes, files } = strangeModels().find(({ name }) => name === 'external-two-files')!;
    mkdirSync(folder.at('in'));
    mkdirSync(folder.at('out'));
    const path = folder.write('in/net.onnx', bytes);
    for (const [name, content] of Object.entries(files)) folder.write(`in/${name}`, content);
    const beside = await runUnverified([path, '--json']);
    expect(reportOf(beside.out).output?.dataFiles.map(({ fate }) => fate)).toEqual(['kept', 'kept']);
    const elsewhere = await runUnverified([path, '-o', folder.at('out', 'net.onnx'), '--json']);
    expect(elsewhere.err).toMatch(/^warning: copying 2 data file\(s\), [\d.]+ KB, beside the output\n$/);
    expect(reportOf(elsewhere.out).output?.dataFiles.map(({ fate }) => fate)).toEqual(['copied', 'copied']);
    for (const [name, content] of Object.entries(files)) expect(folder.read(`out/${name}`)).toEqual(content);
    expect(
      (await runCli(['strip', folder.at('out', 'net.onnx'), '-o', folder.at('in', 'back.onnx')])).exitCode,
    ).toBe(0);
    expect(folder.read('in/back.onnx')).toEqual(bytes);
    const piped = await runUnverified([path, '-o', '-']);
    expect(piped.err).toMatch(/^warning: the model refers to 2 data file\(s\) in the folder of the input/);
  });
});
