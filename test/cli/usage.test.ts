import { describe, expect, it } from 'vitest';
import { strangeModels } from '../../fixtures/strange.ts';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { toKebab } from '../../src/cli/block-options.ts';
import { testFolder } from '../helpers/folder.ts';
import { runCli } from '../helpers/run-cli.ts';

const folder = testFolder();
const RESIDUAL = strangeModels().find(({ name }) => name === 'plain-residual')!.bytes;

describe('usage', () => {
  it('prints help and version on stdout', async () => {
    for (const argv of [['--help'], ['-h'], ['help']]) {
      const run = await runCli(argv);
      expect(run).toMatchObject({ exitCode: 0, err: '' });
      expect(run.out).toMatch(/^Usage: se-inject /);
      // The main job's own options are in the first help that anybody sees.
      for (const text of ['sites', 'strip', 'blocks', '--reduction-ratio', '--dry-run', 'Exit codes:'])
        expect(run.out).toContain(text);
    }
    expect(await runCli(['--version'])).toMatchObject({ exitCode: 0, out: '0.1.0\n', err: '' });
    expect((await runCli(['sites', '--help'])).out).toMatch(/^Usage: se-inject sites /);
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no input', [], /missing required argument 'model\.onnx'/],
    ['no input of a command', ['sites'], /missing required argument/],
    ['an unknown option', ['x.onnx', '--frce'], /unknown option '--frce'\n\(Did you mean --force\?\)/],
    ['an option without its value', ['x.onnx', '-o'], /argument missing/],
    [
      'a choice that there is not',
      ['x.onnx', '--gate', 'softmax'],
      /Allowed choices are 2\*sigmoid, sigmoid/,
    ],
    ['a block that there is not', ['x.onnx', '--block', 'sae'], /unknown block "sae": use one of se, ese/],
    ['an unknown verification', ['x.onnx', '--verify', 'maybe'], /Allowed choices are auto, off, require/],
    [
      'a number that is none',
      ['x.onnx', '--reduction-ratio', 'many'],
      /--reduction-ratio "many" is no number/,
    ],
    ['a number that is empty', ['x.onnx', '--seed', ''], /--seed "" is no number/],
    ['a seed that is none', ['x.onnx', '--seed', '1.5'], /--seed "1\.5" is no whole number/],
    ['a negative seed', ['x.onnx', '--seed', '-1'], /--seed "-1" is no whole number/],
    [
      'one output for several inputs',
      ['a.onnx', 'b.onnx', '-o', 'c.onnx'],
      /-o names one file, and there are 2 inputs/,
    ],
    [
      'JSON and a model on stdout',
      ['a.onnx', '-o', '-', '--json'],
      /--json and a model on stdout do not go together/,
    ],
    ['JSON and a model from stdin', ['-', '--json'], /--json and a model on stdout do not go together/],
    ['JSON and silence', ['a.onnx', '--json', '--quiet'], /--json and --quiet do not go together/],
    ['silence and much talk', ['a.onnx', '--quiet', '--verbose'], /--quiet and --verbose do not go together/],
    ['stdin twice', ['sites', '-', '-'], /stdin can be read once/],
    ['an option of another command', ['sites', 'a.onnx', '--dry-run'], /unknown option '--dry-run'/],
  ])('refuses %s', async (_what, argv, message) => {
    const run = await runCli(argv);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(message);
    expect(run.err.trimEnd().split('\n').length).toBeLessThan(4);
  });

  it('hands options that do not go together to whoever knows', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    for (const [argv, code] of [
      [['--gate', 'sigmoid'], 'blocks/invalid-option'],
      [['--reduction-ratio', '0.5'], 'blocks/invalid-option'],
      [['--min-channels', '1.5'], 'blocks/invalid-option'],
    ] as const) {
      const run = await runCli([path, ...argv]);
      expect(run).toMatchObject({ exitCode: 2, out: '' });
      expect(run.err).toContain(`[${code}]`);
    }
    expect(folder.list()).toHaveLength(1);
  });

  it('has an option for each of the blocks’ own, and passes it on', async () => {
    const { out } = await runCli(['--help']);
    for (const { options } of BLOCKS) {
      for (const [name, { type, default: initial }] of Object.entries(options)) {
        expect(out).toContain(
          type === 'boolean' && initial === true ? `--no-${toKebab(name)}` : `--${toKebab(name)}`,
        );
      }
    }
    const path = folder.write('net.onnx', RESIDUAL);
    const given = {
      reducedChannels: 5,
      ratioOf: 'block-output',
      channelDivisor: 3,
      minChannels: 2,
      rounding: 'up',
      roundLimit: 0.5,
      activation: 'silu',
      gate: 'hardsigmoid',
      squeezeType: 'same',
    };
    const argv = Object.entries(given).flatMap(([name, value]) => [`--${toKebab(name)}`, String(value)]);
    const run = await runCli(['sites', path, '--json', ...argv, '--include', '0_1,branch']);
    expect(JSON.parse(run.out)).toMatchObject({
      options: { ...given, bias: true, include: ['0_1', 'branch'] },
      sites: [{ reducedChannels: 5 }],
    });
  });

  it('looks for the kinds that are asked for', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    const run = await runCli(['sites', path, '--kinds', 'inverted-residual,fire', '--json']);
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.out)).toMatchObject({
      options: { kinds: ['inverted-residual', 'fire'] },
      sites: [],
    });
    expect((await runCli(['sites', path, '--kinds', 'residual'])).exitCode).toBe(0);
  });

  it('lists the blocks, as text and as JSON', async () => {
    const run = await runCli(['blocks']);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toMatch(/^se: Squeeze-and-Excitation/);
    const json = JSON.parse((await runCli(['blocks', '--json'])).out);
    expect(json.blocks[0]).toMatchObject({
      name: 'se',
      options: { bias: { type: 'boolean', default: true } },
    });
    expect(json.inits).toContain('neutral');
  });
});

describe('sites', () => {
  it('says what would be done and why, and writes nothing', async () => {
    const path = folder.write('net.onnx', RESIDUAL);
    const run = await runCli(['sites', path]);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toMatch(/^0_1 +residual, basic +1 +8x8 +16 +8 +280 +branch$/m);
    expect(run.out).toMatch(/^parameters +5,088 +5,368 +280 +5\.5%$/m);
    expect(folder.list()).toHaveLength(1);
  });

  it('marks the sites that were not chosen', async () => {
    const run = await runCli(['sites', folder.write('net.onnx', RESIDUAL), '--exclude', '0_*']);
    expect(run.exitCode).toBe(0);
    expect(run.out).toMatch(/^0_1 .* branch +was left out by name$/m);
  });

  it('tells what is there already', async () => {
    await runCli([folder.write('net.onnx', RESIDUAL)]);
    const run = await runCli(['sites', folder.at('net.se.onnx')]);
    expect(run.exitCode).toBe(0);
    expect(run.out).toMatch(
      /^channel gates that are there already: 1\n {2}SE block on branch, 16 channels$/m,
    );
  });
});

describe('strip', () => {
  it('refuses a model that was not injected into', async () => {
    const run = await runCli(['strip', folder.write('net.onnx', RESIDUAL)]);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toContain('[splice/no-record]');
    expect(folder.list()).toHaveLength(1);
  });

  it('reports as JSON, and streams', async () => {
    await runCli([folder.write('net.onnx', RESIDUAL)]);
    const json = await runCli(['strip', folder.at('net.se.onnx'), '--json', '-o', folder.at('back.onnx')]);
    expect(JSON.parse(json.out)).toMatchObject({ removed: ['0_1'], exact: true, findings: [] });
    const piped = await runCli(['strip', '-', '--quiet'], { stdin: folder.read('net.se.onnx') });
    expect(piped.stdout.equals(RESIDUAL)).toBe(true);
    expect(folder.read('back.onnx')).toEqual(RESIDUAL);
  });
});
