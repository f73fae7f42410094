import { spawn } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { progressText, requirementsOf } from '../../src/cli/measure.ts';
import type { EvaluationReport } from '../../src/evaluate/index.ts';
import { writeNpy } from '../../src/onnx/npy.ts';
import { testFolder } from '../helpers/folder.ts';
import { hasMnist, MNIST, MNIST_NET, OWN_NORMALIZATION } from '../helpers/mnist.ts';
import { runCli } from '../helpers/run-cli.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DATA = ['--data', MNIST, ...OWN_NORMALIZATION];

describe.skipIf(!hasMnist)('eval', () => {
  const folder = testFolder();
  let [before, after] = ['', ''];

  beforeEach(() => {
    [before, after] = [folder.at('net.onnx'), folder.at('net.se.onnx')];
    copyFileSync(MNIST_NET, before);
  });

  it('measures a model, and names what it was measured on', async () => {
    const run = await runCli(['eval', before, ...DATA, '--limit', '200']);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toMatch(/t10k-images-idx3-ubyte: 200 of 10,000 samples \(idx\)$/m);
    expect(run.out).toMatch(
      /^prepared as mnist \(assumed from the data; see --preprocess\): grey, .*\(x \/ 255 - 0\.286\) \/ 0\.353, nchw float32$/m,
    );
    expect(run.out).toMatch(
      /net\.onnx +9\d\.\d\d% \(\d\d\.\d\d to \d\d\.\d\d\) +\d+\.\d\d% .* \(logits\) +[\d,]+ /,
    );
    expect(run.out).toMatch(/^5 more classes do no worse/m);
    const verbose = await runCli(['eval', before, ...DATA, '--limit', '200', '--verbose']);
    expect(verbose.out).not.toMatch(/more classes/);
  });

  it('injects and measures in one go', async () => {
    const run = await runCli([
      before,
      '--verify',
      'off',
      ...DATA,
      '--limit',
      '200',
      '--max-drop',
      '0',
      '--min-top1',
      '90%',
    ]);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toMatch(
      /^No difference: both models give the same answer to each of the 200 samples\.$/m,
    );
    expect(run.out).toMatch(/^met: top-1 at least 90\.00% was demanded, it is 9\d\.\d\d%$/m);
    expect(run.out).toMatch(/^met: a drop of at most 0\.00% was demanded, it is 0\.00%$/m);
    const json = await runCli([before, '--verify', 'off', '--force', '--json', ...DATA, '--limit', '100']);
    expect(JSON.parse(json.out)).toMatchObject({
      outcome: 'injected',
      evaluation: { comparisons: [{ verdict: 'same', answers: { agreeing: 100 } }] },
    });
  });

  it('says no where a demand is not met', async () => {
    await runCli([before, '-o', after, '--verify', 'off', '--init', 'kaiming-uniform', '--quiet']);
    const run = await runCli(['eval', before, after, ...DATA, '--limit', '200', '--max-drop', '0.5%']);
    expect(run.exitCode).toBe(1);
    expect(run.out).toMatch(/^The second model is worse: top-1 fell by/m);
    expect(run.out).toMatch(/^not met: a drop of at most 0\.50% was demanded, it is \d\d\.\d\d%$/m);
    const json = await runCli([
      'eval',
      before,
      after,
      ...DATA,
      '--limit',
      '200',
      '--json',
      '--min-top1',
      '0.75',
    ]);
    expect(json.exitCode).toBe(1);
    const { evaluation, schemaVersion, tool } = JSON.parse(json.out);
    expect([schemaVersion, tool.name]).toEqual([expect.any(Number), 'se-inject']);
    expect(evaluation).toMatchObject({
      data: { format: 'idx', samples: 200, limit: 200 },
      models: [{ accuracy: { top1: { total: 200 } } }, {}],
      requirements: [{ name: 'min-top1', limit: 0.75, met: false }],
    });
    expect(evaluation.models[0].accuracy.top1.share).toBeGreaterThan(0.9);
  });

  it('counts faults and goes on, or stops where that is asked for', async () => {
    const x = new Uint8Array(4 * 784);
    writeFileSync(folder.at('x.npy'), writeNpy({ dataType: 'uint8', dims: [4, 28, 28], data: x }));
    writeFileSync(
      folder.at('y.npy'),
      writeNpy({ dataType: 'uint8', dims: [4], data: Uint8Array.of(1, 12, 3, 99) }),
    );
    const data = ['--data', folder.at('x.npy'), '--preprocess', 'mnist'];
    const run = await runCli(['eval', before, ...data]);
    expect(run.exitCode).toBe(0);
    expect(run.out).toMatch(
      /^left out, label-out-of-range: 2\n {2}#1: label 12 is not of the model's classes, 0 to 9\n {2}#3: label 99/m,
    );
    const strict = await runCli(['eval', before, ...data, '--strict']);
    expect(strict).toMatchObject({ exitCode: 2, out: '' });
    expect(strict.err).toMatch(
      /"#1": label 12 is not of the model's classes, 0 to 9 \[evaluate\/bad-sample\]/,
    );
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no data', ['eval', 'a.onnx'], /required option '--data <path>' not specified/],
    ['a model from stdin', ['eval', '-', '--data', 'x'], /models that are run must be files/],
    [
      'a drop of one model',
      ['eval', 'a.onnx', '--data', 'x', '--max-drop', '1%'],
      /--max-drop is about two models/,
    ],
    [
      'a share that is none',
      ['eval', 'a.onnx', '--data', 'x', '--min-top1', '75'],
      /--min-top1 "75" is no share/,
    ],
    [
      'a limit that is none',
      ['eval', 'a.onnx', '--data', 'x', '--limit', '0'],
      /--limit "0" is no whole number from 1 on/,
    ],
    [
      'half a label',
      ['eval', 'a.onnx', '--data', 'x', '--label-offset', '0.5'],
      /--label-offset "0\.5" is no whole number/,
    ],
    [
      'a size that is none',
      ['eval', 'a.onnx', '--data', 'x', '--resize', 'big'],
      /--resize "big" is no size/,
    ],
    ['a mean that is none', ['eval', 'a.onnx', '--data', 'x', '--mean', '1,b'], /--mean "b" is no number/],
    [
      'an unknown preset',
      ['eval', 'a.onnx', '--data', 'x', '--preprocess', 'jax'],
      /Allowed choices are imagenet, cifar10/,
    ],
    [
      'an option of data without data',
      ['a.onnx', '--limit', '5'],
      /--limit says something of data, and there are none/,
    ],
    ['a demand without data', ['a.onnx', '--min-top1', '5%'], /--min-top1 says something of data/],
    [
      'data and a model through a pipe',
      ['-', '--data', 'x'],
      /models that are measured on data must be files/,
    ],
    [
      'data and a result through a pipe',
      ['a.onnx', '-o', '-', '--data', 'x'],
      /models that are measured on data must be files/,
    ],
  ])('refuses %s', async (_what, argv, message) => {
    const run = await runCli(argv);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(message);
  });

  it('tells of data and models that are not there', async () => {
    expect((await runCli(['eval', before, '--data', folder.at('nope')])).err).toMatch(
      /there is no such file or folder \[node\/not-found\]/,
    );
    const run = await runCli(['eval', folder.at('nope.onnx'), ...DATA]);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(/nope\.onnx/);
    const failure = await runCli(['eval', before, '--data', folder.at('nope'), '--json']);
    expect(JSON.parse(failure.out)).toMatchObject({ error: { code: 'node/not-found' } });
  });

  it('prints what was measured where it is interrupted', async () => {
    const script = folder.at('cli.mjs');
    writeFileSync(
      script,
      `import { main } from ${JSON.stringify(join(ROOT, 'src', 'cli', 'main.ts'))};
       Object.defineProperty(process.stderr, 'isTTY', { value: true });
       process.exitCode = await main(process.argv.slice(2), process);`,
    );
    const loader = join(ROOT, 'test', 'helpers', 'ts-loader.mjs');
    const child = spawn(
      process.execPath,
      ['--import', loader, script, 'eval', before, ...DATA, '--batch', '4'],
      { cwd: ROOT },
    );
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      // As soon as it says how far it is, it has measured something.
      if (!err.includes('samples (') && text.includes('samples (')) child.kill('SIGINT');
      err += text;
    });
    const exitCode = await new Promise((resolve) => child.once('close', resolve));
    expect(exitCode).toBe(2);
    const [, done = ''] = /^interrupted after ([\d,]+) samples$/m.exec(out) ?? [];
    expect(Number(done.replace(',', ''))).toBeGreaterThan(0);
    expect(Number(done.replace(',', ''))).toBeLessThan(10_000);
    expect(out).toMatch(/net\.onnx +9\d\.\d\d%|net\.onnx +100\.00%/);
    expect(err).toMatch(/\d+ of 10,000 samples \(\d+%\), [\d.]+ m?s left/);
  });
});

describe('progress', () => {
  it('is told with the time that is left, where the end is known', () => {
    expect(progressText({ done: 1234, total: 10_000, elapsedMs: 1000 })).toBe(
      '1,234 of 10,000 samples (12%), 7.1 s left',
    );
    expect(progressText({ done: 1234, total: null, elapsedMs: 1000 })).toBe('1,234 samples');
    expect(progressText({ done: 0, total: 10, elapsedMs: 1000 })).toBe('0 of 10 samples (0%)');
  });
});

describe('demands', () => {
  const report = (share: number | null, change: number | null): EvaluationReport =>
    ({
      models: [{ accuracy: share === null ? null : { top1: { share } } }],
      comparisons: [{ answers: { change } }],
    }) as unknown as EvaluationReport;

  it.each([
    [0.75, 0, { minTop1: 0.75, maxDrop: undefined }, [true]],
    [0.7499, 0, { minTop1: 0.75, maxDrop: undefined }, [false]],
    [null, null, { minTop1: 0, maxDrop: 1 }, [false, false]],
    [1, -0.005, { minTop1: undefined, maxDrop: 0.005 }, [true]],
    [1, -0.0051, { minTop1: undefined, maxDrop: 0.005 }, [false]],
    [1, 0.2, { minTop1: undefined, maxDrop: 0 }, [true]],
    [1, 1, { minTop1: undefined, maxDrop: undefined }, []],
  ])('of a share of %s and a change of %s', (share, change, demands, met) => {
    expect(requirementsOf(report(share, change), demands).map((one) => one.met)).toEqual(met);
  });
});
