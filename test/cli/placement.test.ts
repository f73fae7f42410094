import { describe, expect, it } from 'vitest';
import { resnet } from '../../fixtures/networks/resnet.ts';
import type { Report } from '../../src/report/report.ts';
import { testFolder } from '../helpers/folder.ts';
import { runCli, runUnverified } from '../helpers/run-cli.ts';

const folder = testFolder();
const RESNET_18 = resnet({ depth: 18 }).model;

describe('--placement', () => {
  it('is verified like any other, and warns of what the paper measured', async () => {
    const path = folder.write('net.onnx', RESNET_18);
    const run = await runCli([path, '--placement', 'post', '--include', '5_*', '--provider', 'cpu']);
    expect(run.err).toContain('warning: placement "post": the paper measured a loss behind the sum');
    expect(run.exitCode).toBe(0);
    expect(run.out).toContain('2 SE blocks');
    expect(run.out).toMatch(/^pass: cpu/m);
    await runCli(['strip', folder.at('net.se.onnx')]);
    expect(folder.read('net.stripped.onnx')).toEqual(RESNET_18);
  });

  it('finds nothing to do where the blocks are there already', async () => {
    const path = folder.write('net.onnx', RESNET_18);
    for (const placement of ['standard', 'pre', 'post', 'identity']) {
      const se = folder.at(`${placement}.onnx`);
      await runUnverified([path, '--placement', placement, '-o', se]);
      const again = await runUnverified([se, '--placement', placement]);
      expect(again.exitCode).toBe(0);
      expect(again.out).toContain('nothing to do, its 8 SE blocks are there already');
    }
    expect(folder.list()).toHaveLength(5);
  });

  it('that no block has is no success', async () => {
    const path = folder.write('net.onnx', RESNET_18);
    const run = await runUnverified([path, '--placement', 'inner', '--json']);
    expect(run.exitCode).toBe(1);
    const report = JSON.parse(run.out) as Report;
    expect(report.outcome).toBe('no-site');
    expect(report.sites[0]).toMatchObject({ placement: null, leftOut: { reason: 'no-such-place' } });
  });
});

describe('what is left out', () => {
  it('is told in a line for each reason, and for each site in the report', async () => {
    const path = folder.write('net.onnx', RESNET_18);
    const options = ['--stages', '3-5', '--max-added-params', '3000'];
    const run = await runUnverified([path, ...options, '--dry-run']);
    expect(run.exitCode).toBe(0);
    expect(run.out).toMatch(/^left out \(other-stage\): 2_1, 2_2; stage 2 is not among those asked for$/m);
    expect(run.out).toMatch(/^left out \(over-budget\): 5_/m);
    const report = JSON.parse((await runUnverified([path, ...options, '--dry-run', '--json'])).out) as Report;
    expect(report.options).toMatchObject({ stages: ['3-5'], skipLastStage: false, maxAddedParams: '3000' });
    expect(report.sites.map(({ id, leftOut }) => `${id} ${leftOut?.reason ?? ''}`).slice(0, 3)).toEqual([
      '2_1 other-stage',
      '2_2 other-stage',
      '3_1 ',
    ]);
    const listed = await runCli(['sites', path, '--skip-last-stage']);
    expect(listed.out).toMatch(/^5_1 .* stage 5 is the last one, which costs most and gives least/m);
  });
});
