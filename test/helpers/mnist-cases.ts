import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { arrayDataset } from '../../src/evaluate/array-dataset.ts';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import { idxRows } from '../../src/evaluate/rows.ts';
import type { EvaluationReport } from '../../src/evaluate/types.ts';
import { fileStream } from '../../src/node/eval-streams.ts';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { digits, hasMnist, MNIST, MNIST_NET } from './mnist.ts';
import { injectBytes } from './verify-bytes.ts';

/** What is known of the first digits. */
export interface MnistCase {
  readonly count: number;
  /** Right answers with the network's own preparation, and with the usual one of MNIST. */
  readonly own: number;
  readonly usual: number;
}

/** Holds the evaluation to a few lines of independent code over the raw bytes of MNIST, on real networks. */
export function describeMnist({ count, own, usual }: MnistCase): void {
  describe.skipIf(!hasMnist)(`${count} digits of MNIST`, () => {
    const original = readFileSync(MNIST_NET);

    it('get the accuracy that the network has, and no other by the usual preparation', async () => {
      const bare = await bareAnswers(original, count);
      expect(bare.filter((answer, i) => answer === digits(count).labels[i])).toHaveLength(own);
      const report = await measure([original]);
      expect(report.models[0]?.accuracy?.top1).toMatchObject({ correct: own, total: count });
      expect(report.models[0]?.accuracy?.outputsAre).toBe('logits');
      // Class by class, by the same few lines.
      const { labels } = digits(count);
      for (const { index, correct, total } of report.models[0]?.accuracy?.perClass ?? []) {
        const mine = [...labels.keys()].filter((i) => labels[i] === index);
        expect([total, correct]).toEqual([mine.length, mine.filter((i) => bare[i] === index).length]);
      }
      const preset = await measure([original], {});
      expect(preset.models[0]?.accuracy?.top1.correct).toBe(usual);
      expect(preset.preprocessing).toMatchObject({ preset: 'mnist', assumed: true });
    });

    it('get the same answers after a neutral injection, to the sample', async () => {
      const neutral = await injectBytes(original);
      const report = await measure([original, neutral]);
      expect(report.models.map(({ accuracy }) => accuracy?.top1.correct)).toEqual([own, own]);
      expect(report.comparisons[0]).toMatchObject({
        verdict: 'same',
        answers: { agreeing: count, gained: 0, lost: 0, pValue: 1 },
      });
      expect(report.comparisons[0]?.sentence).toMatch(
        /^No difference: both models give the same answer to each of/,
      );
    });

    it('get worse answers after a random one, and the sentence says so', async () => {
      const random = await injectBytes(original, { init: 'kaiming-uniform', seed: 0 });
      const report = await measure([original, random]);
      const [comparison] = report.comparisons;
      expect(comparison?.verdict).toBe('worse');
      expect(comparison?.answers?.change).toBeLessThan(-0.3);
      expect(comparison?.answers?.pValue).toBeLessThan(1e-20);
      expect(comparison?.sentence).toMatch(
        /^The second model is worse: top-1 fell by \d+\.\d\d percentage points/,
      );
    });

    async function measure(
      models: readonly Uint8Array[],
      preprocess: { mean?: readonly number[]; std?: readonly number[] } = { mean: [0.286], std: [0.353] },
    ): Promise<EvaluationReport> {
      const path = join(MNIST, 't10k-images-idx3-ubyte');
      const images = await idxRows(await fileStream(path));
      const labels = await idxRows(await fileStream(join(MNIST, 't10k-labels-idx1-ubyte')));
      const named = models.map((bytes, index) => ({ path: `model ${index}`, source: { bytes } }));
      const dataset = arrayDataset({ format: 'idx', path, images, labels });
      return evaluate(await openOnnxRuntime(), named, dataset, { preprocess, limit: count });
    }
  });
}

/** The answers of a bare loop over the raw bytes: what the evaluation is held to, in accuracy and in time. */
export async function bareAnswers(model: Uint8Array, count: number, batch = 64): Promise<number[]> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 });
  const { pixels } = digits(count);
  const answers: number[] = [];
  for (let start = 0; start < count; start += batch) {
    const size = Math.min(batch, count - start);
    const x = Float32Array.from(
      pixels.subarray(784 * start, 784 * (start + size)),
      (pixel) => (pixel / 255 - 0.286) / 0.353,
    );
    const { logits } = await session.run({ x: new Tensor('float32', x, [size, 1, 28, 28]) });
    for (let i = 0; i < size; i += 1) {
      const row = Array.from(logits?.data as Float32Array).slice(10 * i, 10 * i + 10);
      answers.push(row.indexOf(Math.max(...row)));
    }
  }
  await session.release();
  return answers;
}
