import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { writeNpy } from '../../src/onnx/npy.ts';
import type { VerifyReport } from '../../src/verify/types.ts';
import { testFolder } from '../helpers/folder.ts';
import { runCli, runUnverified } from '../helpers/run-cli.ts';
import { plant } from '../helpers/verify-bytes.ts';

const folder = testFolder();
const NET = cifarResnet20({ shortcut: 'poolConcat', width: 4, style: STYLES.torchscript }).model;

/** A network and what was made of it. */
async function injected(...options: readonly string[]): Promise<{ before: string; after: string }> {
  const before = folder.write('net.onnx', NET);
  const after = folder.at('net.se.onnx');
  expect((await runUnverified([before, '--force', ...options])).exitCode).toBe(0);
  return { before, after };
}

describe('verify', () => {
  it('passes an injection, and says what was shown and on what', async () => {
    const { before, after } = await injected();
    const run = await runCli(['verify', before, after, '--provider', 'cpu']);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toMatch(
      /^pass: cpu: outputs equal the original’s bit for bit, 9 blocks compute what the float64 reference does\nseeded inputs \(normal, seed 0\): \S+ \[1, 3, 32, 32\]\ncpu: ok, \d+ nodes on cpu, 63 injected ones on cpu\n$/,
    );
  });

  it('prints the report alone with --json', async () => {
    const { before, after } = await injected('--init', 'kaiming-uniform');
    const run = await runCli(['verify', before, after, '--provider', 'cpu', '--json']);
    const report = JSON.parse(run.out) as { verification: VerifyReport; input: { path: string } };
    expect(report).toMatchObject({
      input: { path: before },
      output: { path: after },
      verification: { verdict: 'pass', edit: { ok: true, findings: [] } },
    });
    const [cpu] = report.verification.providers;
    expect(
      cpu?.levels.map(({ outputs }) => outputs.map(({ bitExact, tolerance }) => [bitExact, tolerance])),
    ).toEqual([[[false, null]], [[false, null]]]);
  });

  it('says no to a model that was changed, and keeps it', async () => {
    const { before, after } = await injected();
    const faulty = plant(folder.read('net.se.onnx'), (graph) => {
      const weight = graph.initializer.find(
        ({ name }) => name?.endsWith('conv1.weight') || name?.includes('Conv'),
      );
      const raw = (weight ?? graph.initializer[0])?.rawData;
      if (raw == null) throw new Error('no weight to change');
      raw[0] = (raw[0] ?? 0) ^ 1;
    });
    folder.write('net.se.onnx', faulty);
    const run = await runCli(['verify', before, after, '--provider', 'cpu']);
    expect(run.exitCode).toBe(1);
    expect(run.out).toMatch(
      /^fail: without its blocks the file differs from the original at byte \d+, in initializer "conv1.weight"$/m,
    );
    expect(folder.read('net.se.onnx')).toEqual(faulty);
  });

  it('leaves open what cannot be told, and says no to that only with --require', async () => {
    const before = folder.write('net.onnx', NET);
    const run = await runCli(['verify', before, before, '--provider', 'cpu']);
    expect(run.exitCode).toBe(0);
    expect(run.out).toMatch(/^unchecked: the second model holds no record of an injection/m);
    expect((await runCli(['verify', before, before, '--provider', 'cpu', '--require'])).exitCode).toBe(1);
  });

  it('takes inputs and sizes of the user, and refuses those that do not fit', async () => {
    const { before, after } = await injected();
    const input = /(\S+) \[1, 3, 32, 32\]/.exec(
      (await runCli(['verify', before, after, '--provider', 'cpu'])).out,
    )?.[1];
    const wrong = await runCli([
      'verify',
      before,
      after,
      '--provider',
      'cpu',
      '--shape',
      `${input}=1x5x32x32`,
    ]);
    expect(wrong.exitCode).toBe(0);
    expect(wrong.out).toMatch(/^unchecked: cpu: the original was not run/m);
    const nonsense = await runCli(['verify', before, after, '--shape', 'nonsense']);
    expect(nonsense).toMatchObject({ exitCode: 2, out: '' });
    for (const timeout of ['0', '-1', 'soon'])
      expect(await runCli(['verify', before, after, '--timeout', timeout])).toMatchObject({ exitCode: 2 });
    const missing = await runCli(['verify', before, after, '--inputs', folder.at('none.npz')]);
    expect(missing).toMatchObject({ exitCode: 2, out: '' });
    expect(missing.err).toContain('[node/not-found]');
  });

  it('runs on arrays of the user', async () => {
    const { before, after } = await injected();
    const data = Float32Array.from({ length: 3 * 32 * 32 }, (_, index) => Math.sin(index));
    const inputs = folder.write('x.npy', writeNpy({ dataType: 'float32', dims: [1, 3, 32, 32], data }));
    const run = await runCli(['verify', before, after, '--provider', 'cpu', '--inputs', inputs]);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toMatch(/^pass: .*\ninputs as given: \S+ \[1, 3, 32, 32\]$/m);
    const short = folder.write(
      'short.npy',
      writeNpy({ dataType: 'float32', dims: [2], data: data.subarray(0, 2) }),
    );
    const refused = await runCli(['verify', before, after, '--provider', 'cpu', '--inputs', short]);
    expect(refused.out).toMatch(/^unchecked: cpu: the original was not run/m);
  });

  it('refuses what comes through a pipe, and what is not there', async () => {
    const before = folder.write('net.onnx', NET);
    expect(await runCli(['verify', before, '-'])).toMatchObject({ exitCode: 2, out: '' });
    expect(await runCli(['verify', before, folder.at('none.onnx')])).toMatchObject({ exitCode: 2, out: '' });
    expect(await runCli(['verify', before])).toMatchObject({ exitCode: 2, out: '' });
  });
});
