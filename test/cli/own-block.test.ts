import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { loadBlock } from '../../src/node/load-block.ts';
import { errorOf } from '../helpers/error-of.ts';
import { testFolder } from '../helpers/folder.ts';
import { runCli, runUnverified } from '../helpers/run-cli.ts';

const GUIDE = readFileSync(join(import.meta.dirname, '../../docs/blocks.md'), 'utf8');
const [, EXAMPLE = ''] = /```js\n(\/\/ limited-gate\.mjs\n[\s\S]*?)```/.exec(GUIDE) ?? [];

const model = cifarResnet20({ shortcut: 'poolConcat', style: STYLES.torchscript }).model;

describe('the block of the guide', () => {
  const folder = testFolder();

  it('is injected, verified in a process of its own, and taken out again', async () => {
    const input = folder.write('model.onnx', model);
    const block = folder.write('limited-gate.mjs', EXAMPLE);
    const output = folder.at('model.se.onnx');
    const own = ['--block', block];
    const injected = await runCli([input, ...own, '--set', 'limit=0.25', '--json', '--provider', 'cpu']);
    expect(injected.err).toBe('');
    const report = JSON.parse(injected.out);
    expect(report.options).toMatchObject({ block: 'limited-gate', limit: 0.25 });
    expect(report.verification.verdict).toBe('pass');
    expect(report.verification.providers[0].sites[0]).toMatchObject({
      bitExact: true,
      sensitive: true,
      ok: true,
    });
    const random = await runCli([
      ...[input, ...own, '-o', folder.at('random.onnx'), '--init', 'normal(0.5)'],
      ...['--json', '--provider', 'cpu'],
    ]);
    expect(JSON.parse(random.out).verification.verdict).toBe('pass');
    const stripped = await runCli(['strip', output, ...own, '-o', folder.at('back.onnx')]);
    expect(stripped.exitCode).toBe(0);
    expect(Buffer.compare(folder.read('back.onnx'), model)).toBe(0);
  }, 60_000);

  it('is told apart from what it is not: a reference that disagrees fails the verification', async () => {
    const input = folder.write('model.onnx', model);
    const wrong = EXAMPLE.replace('return 1 + options.limit', 'return 1.001 + options.limit');
    const block = folder.write('wrong.mjs', wrong);
    const run = await runCli([input, '--block', block, '--json', '--provider', 'cpu']);
    expect(JSON.parse(run.out).verification.verdict).toBe('fail');
    expect(run.exitCode).toBe(1);
  }, 60_000);

  it('takes only its own options', async () => {
    const input = folder.write('model.onnx', model);
    const block = folder.write('limited-gate.mjs', EXAMPLE);
    const set = async (setting: string): Promise<string> =>
      (await runUnverified([input, '--block', block, '--set', setting])).err;
    expect(await set('limits=1')).toContain('block "limited-gate" has no such option: it has limit');
    expect(await set('limit=much')).toContain('"much" is no number');
    expect(await set('limit=-1')).toContain('option "limit" is "-1": the least is 0');
    expect(await set('limit')).toContain('--set "limit" is no key=value');
  });

  it('is in the guide with all built-in blocks', () => {
    for (const { name } of BLOCKS) expect(GUIDE).toContain(`| \`${name}\` |`);
  });
});

describe('loadBlock', () => {
  const folder = testFolder();

  it.each([
    ['nothing.mjs', undefined, 'cannot be loaded'],
    ['broken.mjs', 'export const block = {', 'cannot be loaded'],
    ['empty.mjs', 'export const other = 1;', 'exports no block: name the export "block"'],
    ['half.mjs', 'export const block = { name: "half" };', '"build" must be a function'],
    ['taken.mjs', EXAMPLE.replace("'limited-gate'", "'se'"), 'a block named "se", as a built-in one is'],
  ])('refuses %s', async (name, text, message) => {
    const path = text === undefined ? folder.at(name) : folder.write(name, text);
    const error = await errorOf(loadBlock(path));
    expect(error.code).toBe('blocks/invalid-definition');
    expect(error.message).toContain(message);
  });

  it('takes a default export', async () => {
    const path = folder.write('default.mjs', EXAMPLE.replace('export const block =', 'export default'));
    expect((await loadBlock(path)).name).toBe('limited-gate');
  });
});

describe('presets on the command line', () => {
  const folder = testFolder();

  it('set block, options and placement, and what is given besides goes before', async () => {
    const input = folder.write('model.onnx', model);
    const options = async (...argv: string[]): Promise<unknown> =>
      JSON.parse((await runCli(['sites', input, '--json', ...argv])).out).options;
    expect(await options('--preset', 'timm-resnet')).toMatchObject({
      block: 'se',
      channelDivisor: 8,
      roundLimit: 0,
    });
    expect(await options('--preset', 'senet', '--reduction-ratio', '4')).toMatchObject({
      channelDivisor: 1,
      reductionRatio: 4,
    });
    expect((await runCli(['sites', input, '--preset', 'vgg'])).err).toContain('Allowed choices are senet');
  });
});
