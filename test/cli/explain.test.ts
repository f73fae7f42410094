import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { testFolder } from '../helpers/folder.ts';
import { modelBytes } from '../helpers/model.ts';
import { runCli } from '../helpers/run-cli.ts';

const pads = { pads: [1, 1, 1, 1] };
const MODEL = modelBytes({
  inputs: { image: [1, 8, 16, 16] },
  outputs: { logits: null },
  weights: { c: [8, 8, 3, 3] },
  nodes: [
    ['Conv', 'image c', 'x', pads],
    ['Conv', 'x c', 'a', pads],
    ['Relu', 'a', 'b'],
    ['Conv', 'b c', 'd', pads],
    ['Add', 'd x', 'sum'],
    ['Conv', 'sum c', 'logits', pads],
  ],
});

describe('sites --explain', () => {
  const folder = testFolder();
  const path = () => {
    writeFileSync(folder.at('model.onnx'), MODEL);
    return folder.at('model.onnx');
  };

  it('tells of one node in text, and of nothing else', async () => {
    const { exitCode, out, err } = await runCli(['sites', path(), '--explain', 'sum']);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('Add "sum", node 4 of 6\n');
    expect(out).toContain('verdict   site 0_1 (residual, basic): taps "d", 8 channels, stage 0, stride 1\n');
    expect(out).not.toContain('would be injected');
  });

  it('is a field of the report', async () => {
    const { exitCode, out } = await runCli(['sites', path(), '--explain', '#2', '--json']);
    const report = JSON.parse(out) as { sites: unknown[]; explanation: { name: string; verdict: unknown } };
    expect(exitCode).toBe(0);
    expect(report.sites).toHaveLength(1);
    expect(report.explanation.name).toBe('b');
    expect(report.explanation.verdict).toMatchObject({ kind: 'part', part: 'a step of the residual branch' });
  });

  it('is not in a report where it was not asked for', async () => {
    const { out } = await runCli(['sites', path(), '--json']);
    expect(JSON.parse(out)).not.toHaveProperty('explanation');
  });

  it('judges with the kinds that are asked for', async () => {
    const { out } = await runCli(['sites', path(), '--explain', 'sum', '--kinds', 'dense']);
    expect(out).toContain('no site (not-selected)');
  });

  it('fails on a node that is not there, and names what is near', async () => {
    const { exitCode, out, err } = await runCli(['sites', path(), '--explain', 'summ']);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain('no node is called "summ": near are "sum" [sites/unknown-node]');
  });
});
