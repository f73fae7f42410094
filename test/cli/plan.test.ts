import { describe, expect, it } from 'vitest';
import { resnet } from '../../fixtures/networks/resnet.ts';
import type { Report } from '../../src/report/report.ts';
import { testFolder } from '../helpers/folder.ts';
import { runCli, runUnverified } from '../helpers/run-cli.ts';

const folder = testFolder();
const RESNET_18 = resnet({ depth: 18 }).model;

interface Editable {
  sites: { site: { id: string }; options: Record<string, unknown> }[];
}

async function savePlan(...options: readonly string[]): Promise<{ path: string; plan: string }> {
  const path = folder.write('net.onnx', RESNET_18);
  const plan = folder.at('plan.json');
  expect(await runCli(['sites', path, '--save-plan', plan, ...options])).toMatchObject({
    exitCode: 0,
    err: '',
  });
  return { path, plan };
}

describe('--plan', () => {
  it('does what was saved', async () => {
    const options = ['--reduction-ratio', '4', '--placement', 'identity', '--exclude', '5_*', '--seed', '4'];
    const { path, plan } = await savePlan(...options);
    await runUnverified([path, '-o', folder.at('a.onnx'), ...options]);
    await runUnverified([path, '-o', folder.at('b.onnx'), '--plan', plan]);
    expect(folder.read('b.onnx')).toEqual(folder.read('a.onnx'));
  });

  it('does what was edited since, and reports it', async () => {
    const { path, plan } = await savePlan('--kinds', 'all');
    const edited = JSON.parse(Buffer.from(folder.read('plan.json')).toString()) as Editable;
    edited.sites = edited.sites.filter(({ site }) => site.id !== '2_1');
    edited.sites.find(({ site }) => site.id === '2_2')!.options['reducedChannels'] = 3;
    folder.write('plan.json', JSON.stringify(edited));
    const run = await runUnverified([path, '--plan', plan, '--json']);
    expect(run.exitCode).toBe(0);
    const report = JSON.parse(run.out) as Report;
    expect(report.options).toMatchObject({ plan, block: 'se' });
    expect(report.sites.slice(0, 2)).toMatchObject([
      { id: '2_1', injected: false, leftOut: { reason: 'not-in-plan' } },
      { id: '2_2', injected: true, reducedChannels: 3 },
    ]);
    await runCli(['strip', folder.at('net.se.onnx')]);
    expect(folder.read('net.stripped.onnx')).toEqual(RESNET_18);
  });

  it('does not replace a plan unless told to, nor the model', async () => {
    const { path, plan } = await savePlan();
    expect((await runCli(['sites', path, '--save-plan', plan])).err).toContain('[node/output-exists]');
    expect((await runCli(['sites', path, '--save-plan', plan, '--force'])).exitCode).toBe(0);
    expect((await runCli(['sites', path, '--save-plan', path, '--force'])).err).toContain('[node/same-file]');
  });

  it('goes to stdout with "-"', async () => {
    const { path, plan } = await savePlan();
    const run = await runCli(['sites', path, '--save-plan', '-']);
    expect(run.stdout).toEqual(Buffer.from(folder.read('plan.json')));
    expect(run.err).toContain('8 SE blocks would be injected');
    expect(plan).not.toBe('');
  });

  it.each<[string[], RegExp]>([
    [['--block', 'se', '--seed', '1'], /--plan and --seed do not go together/],
    [['--reduction-ratio', '4'], /--plan and --reduction-ratio do not go together/],
    [['--stages', '2'], /--plan and --stages do not go together/],
    [['other.onnx'], /--plan is for one model, and there are 2 inputs/],
  ])('takes no %s beside it', async (options, message) => {
    const { path, plan } = await savePlan();
    const run = await runUnverified([path, '--plan', plan, ...options]);
    expect(run.exitCode).toBe(2);
    expect(run.err).toMatch(message);
  });

  it('is refused for another model', async () => {
    const { plan } = await savePlan();
    const other = folder.write('other.onnx', resnet({ depth: 34 }).model);
    const run = await runUnverified([other, '--plan', plan]);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(/the plan does not fit: it was made for another model .*\[splice\/stale-plan\]/);
  });
});
