import { describe, expect, it } from 'vitest';
import { resnet } from '../../fixtures/networks/resnet.ts';
import { parseSafetensors } from '../../src/onnx/safetensors.ts';
import { testFolder } from '../helpers/folder.ts';
import { runCli, runUnverified } from '../helpers/run-cli.ts';

const folder = testFolder();
const RESNET_18 = resnet({ depth: 18 }).model;

async function injected(...options: readonly string[]): Promise<string> {
  await runUnverified([folder.write('net.onnx', RESNET_18), '--init', 'kaiming-normal', ...options]);
  return folder.at('net.se.onnx');
}

describe('weights', () => {
  it('writes the weights out, with a manifest', async () => {
    const se = await injected();
    const manifest = folder.at('manifest.json');
    const run = await runCli(['weights', se, '--manifest', manifest]);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toMatch(/net\.se\.safetensors \([\d.]+ KB\), 32 weights of 8 blocks$/m);
    const tensors = parseSafetensors(folder.read('net.se.safetensors'));
    const { weights } = JSON.parse(Buffer.from(folder.read('manifest.json')).toString()) as {
      weights: { name: string; shape: number[] }[];
    };
    expect(weights.map(({ name, shape }) => [name, shape])).toEqual(
      [...tensors].map(([name, { dims }]) => [name, dims]),
    );
    expect(weights[0]).toEqual({
      name: '2_1.fc1.weight',
      site: '2_1',
      block: 'se',
      value: expect.any(String),
      local: 'reduce.weight',
      shape: [8, 8, 1, 1],
      storedShape: [8, 8, 1, 1],
      dtype: 'FLOAT',
      initializer: expect.stringMatching(/se\/reduce\.weight$/),
    });
    const json = await runCli(['weights', se, '-o', folder.at('b.safetensors'), '--json']);
    expect(JSON.parse(json.out)).toMatchObject({ weights, output: { path: folder.at('b.safetensors') } });
    expect(folder.read('b.safetensors')).toEqual(folder.read('net.se.safetensors'));
    const piped = await runCli(['weights', '-'], { stdin: folder.read('net.se.onnx') });
    expect(piped.stdout).toEqual(Buffer.from(folder.read('b.safetensors')));
  });

  it('brings them back, and verification knows them', async () => {
    const se = await injected('--include', '5_*');
    await runCli(['weights', se]);
    const run = await runCli(['weights', se, '--load', folder.at('net.se.safetensors'), '--json']);
    expect(run.exitCode).toBe(0);
    expect(JSON.parse(run.out)).toMatchObject({ loaded: { sites: ['5_1', '5_2'] } });
    const verified = await runCli([
      'verify',
      folder.at('net.onnx'),
      folder.at('net.se.trained.onnx'),
      '--json',
    ]);
    expect(JSON.parse(verified.out)).toMatchObject({
      verification: { edit: { ok: true, findings: [] } },
    });
    await runCli(['strip', folder.at('net.se.trained.onnx'), '-o', folder.at('back.onnx')]);
    expect(folder.read('back.onnx')).toEqual(RESNET_18);
  });

  it('does not replace what it reads, nor what is there', async () => {
    const se = await injected();
    await runCli(['weights', se]);
    expect((await runCli(['weights', se])).err).toContain('[node/output-exists]');
    expect((await runCli(['weights', se, '-o', se, '--force'])).err).toContain('[node/same-file]');
  });

  it.each<[string[], RegExp]>([
    [['--weights-map', 'm.json'], /--weights-map is for --load/],
    [['--load', 'a', '--manifest', 'b'], /--manifest and --load do not go together/],
    [['-o', '-', '--manifest', '-'], /cannot both go to stdout/],
    [['-o', '-', '--json'], /--json and a model on stdout do not go together/],
  ])('refuses %s', async (options, message) => {
    const run = await runCli(['weights', await injected(), ...options]);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(message);
  });
});

describe('--weights', () => {
  it('starts the blocks with weights from a file', async () => {
    const se = await injected();
    await runCli(['weights', se]);
    const given = folder.at('net.se.safetensors');
    const run = await runCli([
      folder.at('net.onnx'),
      '-o',
      folder.at('b.onnx'),
      '--weights',
      given,
      '--provider',
      'cpu',
    ]);
    expect(run.exitCode).toBe(0);
    expect(run.out).toContain('Its new weights are those that were given.');
    await runCli(['weights', folder.at('b.onnx')]);
    expect(folder.read('b.safetensors')).toEqual(folder.read('net.se.safetensors'));
  });

  it('takes a map of names, and lists what does not fit', async () => {
    const se = await injected('--include', '5_*');
    await runCli(['weights', se]);
    const given = folder.at('net.se.safetensors');
    const map = folder.write('map.json', '{"2_1": "5_1", "2_2": "5_2"}');
    const options = ['--weights', given, '--weights-map', map, '--reduced-channels', '8'];
    const run = await runUnverified([
      folder.at('net.onnx'),
      '-o',
      folder.at('b.onnx'),
      ...options,
      '--stages',
      '2',
    ]);
    expect(run.exitCode).toBe(2);
    expect(run.err).toContain('misshapen (6): 2_1.fc1.weight [8,8,1,1] is [8,64,1,1] of FLOAT;');
    expect(run.err).toContain('[blocks/invalid-weights]');
    expect(folder.list().some((name) => name.startsWith('b.onnx'))).toBe(false);
  });

  it.each<[string[], RegExp]>([
    [['--weights', 'w.safetensors', '--init', 'he'], /--weights and --init do not go together/],
    [['--weights-map', 'map.json'], /--weights-map is for --weights/],
    [['--weights', 'nowhere.safetensors'], /cannot read "nowhere.safetensors"/],
  ])('refuses %s', async (options, message) => {
    const run = await runUnverified([folder.write('net.onnx', RESNET_18), ...options]);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(message);
  });

  it('says what is wrong with a file', async () => {
    const path = folder.write('net.onnx', RESNET_18);
    const run = await runUnverified([path, '--weights', path]);
    expect(run.exitCode).toBe(2);
    expect(run.err).toMatch(
      /cannot read weights from ".*net\.onnx": the safetensors file .* \[onnx\/invalid-array\]/,
    );
    const map = await runUnverified([
      path,
      '--weights',
      folder.write('w', ''),
      '--weights-map',
      folder.write('m', '[1]'),
    ]);
    expect(map.exitCode).toBe(2);
  });
});

describe('strip --all', () => {
  it('takes every injection out, the last one first', async () => {
    const se = await injected('--include', '5_*');
    const twice = folder.at('twice.onnx');
    await runUnverified([se, '-o', twice]);
    const run = await runCli(['strip', twice, '--all']);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toContain('6 of 6 SE blocks and 2 of 2 SE blocks taken out: the file from before');
    expect(folder.read('twice.stripped.onnx')).toEqual(RESNET_18);
    const once = await runCli(['strip', twice, '-o', folder.at('once.onnx'), '--json']);
    expect(JSON.parse(once.out)).toMatchObject({ exact: true, undone: [{ block: 'se' }] });
    expect(folder.read('once.onnx')).toEqual(folder.read('net.se.onnx'));
    expect((await runCli(['strip', twice, '--all', '--sites', '2_1'])).exitCode).toBe(2);
  });
});
