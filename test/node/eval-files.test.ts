import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync, zipSync } from 'fflate';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { evaluateFiles, unwrap } from '../../src/node/eval-files.ts';
import { collectGatesFromFile } from '../../src/node/gates-files.ts';
import { type NpyArray, writeNpy } from '../../src/onnx/npy.ts';
import { errorOf } from '../helpers/error-of.ts';
import { testFolder } from '../helpers/folder.ts';
import { digits, hasMnist, MNIST, MNIST_NET } from '../helpers/mnist.ts';
import { injectBytes } from '../helpers/verify-bytes.ts';

const COUNT = 100;
const OWN = { mean: [0.286], std: [0.353] };

describe.skipIf(!hasMnist)('the same digits in every format', () => {
  const folder = testFolder();
  const { pixels, labels } = digits(COUNT);

  function npy(dims: readonly number[], data: Uint8Array | Float32Array): Uint8Array {
    const dataType = data instanceof Uint8Array ? 'uint8' : 'float32';
    return writeNpy({ dataType, dims, data: data.slice() } as NpyArray);
  }

  async function images(): Promise<string[]> {
    const paths: string[] = [];
    for (let i = 0; i < COUNT; i += 1) {
      mkdirSync(folder.at('images', `${labels[i]}`), { recursive: true });
      const path = folder.at('images', `${labels[i]}`, `${i}.png`);
      const raw = { width: 28, height: 28, channels: 1 } as const;
      await sharp(pixels.slice(784 * i, 784 * (i + 1)), { raw }).toFile(path);
      paths.push(path);
    }
    return paths;
  }

  it('get the same answers', async () => {
    const x = pixels.slice();
    const prepared = Float32Array.from(x, (pixel) => (pixel / 255 - 0.286) / 0.353);
    const paths = await images();
    const header = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, COUNT, 0, 0, 0, 28, 0, 0, 0, 28);
    folder.write('z-images.idx3.gz', gzipSync(Uint8Array.from([...header, ...x])));
    folder.write('z-labels.idx1', Uint8Array.from([0, 0, 8, 1, 0, 0, 0, COUNT, ...labels]));
    folder.write('images.npy', npy([COUNT, 28, 28], x));
    folder.write('labels.npy', npy([COUNT], Uint8Array.from(labels)));
    folder.write(
      'd.npz',
      zipSync({ 'x.npy': npy([COUNT, 1, 28, 28], prepared), 'y.npy': npy([COUNT], Uint8Array.from(labels)) }),
    );
    folder.write(
      'flat.npz',
      zipSync({ 'x.npy': npy([COUNT, 784], x), 'y.npy': npy([COUNT], Uint8Array.from(labels)) }),
    );
    folder.write('l.csv', `path,label\n${paths.map((path, i) => `${path},${labels[i]}`).join('\n')}\n`);
    folder.write('l.jsonl', paths.map((path, i) => JSON.stringify({ path, label: labels[i] })).join('\n'));
    const mnist = { preset: 'mnist', ...OWN } as const;
    const cases = [
      [MNIST, 'idx', OWN, { limit: COUNT }],
      [folder.at('z-images.idx3.gz'), 'idx', OWN, {}],
      [folder.at('images.npy'), 'npy', mnist, {}],
      [folder.at('d.npz'), 'npz', {}, {}],
      [folder.at('flat.npz'), 'npz', mnist, {}],
      [folder.at('images'), 'images', mnist, {}],
      [folder.at('l.csv'), 'list', mnist, {}],
      [folder.at('l.jsonl'), 'list', mnist, {}],
    ] as const;
    const found: unknown[] = [];
    for (const [path, format, preprocess, options] of cases) {
      const { data, models, faults } = await evaluateFiles([MNIST_NET], path, { preprocess, ...options });
      const { top1, crossEntropy, perClass } = models[0]!.accuracy!;
      expect([data.format, data.samples, faults]).toEqual([format, COUNT, []]);
      found.push([top1.correct, crossEntropy?.toFixed(5), perClass.map(({ total }) => total)]);
    }
    expect(new Set(found.map((one) => JSON.stringify(one))).size, JSON.stringify(found)).toBe(1);
  });

  it('are brought to the size of the model where they have another', async () => {
    const small = new Uint8Array(COUNT * 14 * 14);
    for (let i = 0; i < COUNT; i += 1)
      for (let y = 0; y < 14; y += 1)
        for (let x = 0; x < 14; x += 1) small[196 * i + 14 * y + x] = pixels[784 * i + 56 * y + 2 * x]!;
    folder.write('x.npy', npy([COUNT, 14, 14], small));
    folder.write('y.npy', npy([COUNT], Uint8Array.from(labels)));
    const report = await evaluateFiles([MNIST_NET], folder.at('x.npy'), {
      preprocess: { preset: 'mnist', ...OWN },
    });
    expect(report.data.samples).toBe(COUNT);
    expect(report.models[0]?.accuracy?.top1.share).toBeGreaterThan(0.5);
    const none = await errorOf(
      evaluateFiles([MNIST_NET], folder.at('x.npy'), { preprocess: { preset: 'none' } }),
    );
    expect(none.message).toMatch(
      /no sample of .* could be used; #0: it has the shape \[14, 14\] and the model takes \[1, 28, 28\]/,
    );
  });

  it('lets a broken image out, and stops there where that is asked for', async () => {
    await images();
    writeFileSync(folder.at('images', '3', 'broken.png'), 'no picture');
    mkdirSync(folder.at('images', 'none'));
    const options = { preprocess: { preset: 'mnist', ...OWN } as const };
    const report = await evaluateFiles([MNIST_NET], folder.at('images'), options);
    expect(report.data.samples).toBe(COUNT);
    expect(report.faults.map(({ kind, count }) => [kind, count])).toEqual([
      ['empty-class', 1],
      ['undecodable', 1],
    ]);
    expect(report.data.notes).toEqual([
      expect.stringMatching(/^the data have 11 classes and the model gives 10/),
    ]);
    const error = await errorOf(
      evaluateFiles([MNIST_NET], folder.at('images'), { ...options, strict: true }),
    );
    expect(error.details).toMatchObject({ kind: 'empty-class', name: 'none' });
  });

  it('show what gates do, and what strip would save', async () => {
    copyFileSync(MNIST_NET, folder.at('net.onnx'));
    const model = folder.write('net.se.onnx', await injectBytes(readFileSync(MNIST_NET)));
    const report = await collectGatesFromFile(model, MNIST, { preprocess: OWN, limit: COUNT });
    expect(report.sites.map(({ id, constant }) => [id, constant])).toEqual([
      ['0_1', 1],
      ['1_1', 1],
      ['2_1', 1],
    ]);
    const original = readFileSync(MNIST_NET).length;
    expect(report.proposal).toMatchObject({
      sites: ['0_1', '1_1', '2_1'],
      isExact: true,
      parameters: 1928,
      bytes: readFileSync(model).length - original,
    });
  });
});

describe('unwrap', () => {
  it.each([
    [
      { status: 'crashed', signal: 'SIGSEGV', exitCode: null, log: 'a\nlast words\n' },
      /its process ended with SIGSEGV \(last words\)/,
    ],
    [{ status: 'crashed', signal: null, exitCode: 3, log: '' }, /its process ended with exit code 3$/],
    [{ status: 'memory', rssBytes: 5, log: '' }, /more memory than it may: try a smaller --batch/],
    [{ status: 'timeout', afterMs: 5, log: '' }, /nothing was said for too long/],
  ] as const)('makes an error of %o', async (outcome, message) => {
    const error = await errorOf(() => unwrap(outcome));
    expect(error.code).toBe('verify/run-failed');
    expect(error.message).toMatch(message);
  });

  it('gives the value, or the job’s own error', () => {
    expect(unwrap({ status: 'ok', value: 7, log: '' })).toBe(7);
    expect(() => unwrap({ status: 'error', error: new RangeError('own'), log: '' })).toThrow(RangeError);
  });
});
