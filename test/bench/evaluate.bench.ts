import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bench, describe } from 'vitest';
import { arrayDataset } from '../../src/evaluate/array-dataset.ts';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import { idxRows } from '../../src/evaluate/rows.ts';
import { fileStream } from '../../src/node/eval-streams.ts';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { hasMnist, MNIST, MNIST_NET } from '../helpers/mnist.ts';
import { bareAnswers } from '../helpers/mnist-cases.ts';

const COUNT = 10_000;

// What the second may cost at most is three times the first: it runs two models.
describe.skipIf(!hasMnist)(`${COUNT} digits of MNIST`, () => {
  const model = readFileSync(MNIST_NET);
  const once = { iterations: 3, warmupIterations: 1, time: 0, warmupTime: 0 };

  bench('a bare onnxruntime loop, one model', async () => void (await bareAnswers(model, COUNT)), once);

  bench(
    'evaluate, two models',
    async () => {
      const path = join(MNIST, 't10k-images-idx3-ubyte');
      const images = await idxRows(await fileStream(path));
      const labels = await idxRows(await fileStream(join(MNIST, 't10k-labels-idx1-ubyte')));
      const models = ['before', 'after'].map((name) => ({ path: name, source: { bytes: model } }));
      await evaluate(await openOnnxRuntime(), models, arrayDataset({ format: 'idx', path, images, labels }), {
        preprocess: { mean: [0.286], std: [0.353] },
      });
    },
    once,
  );
});
