import { describe, expect, it } from 'vitest';
import { SeInjectError } from '../../src/errors.ts';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import type { Dataset, Sample } from '../../src/evaluate/sample.ts';
import type { Runtime, RuntimeTensor } from '../../src/verify/runtime.ts';
import { datasetOf, floats, sampleOf } from '../helpers/datasets.ts';
import { errorOf } from '../helpers/error-of.ts';
import { type FakeModel, fakeRuntime, passThrough } from '../helpers/fake-runtime.ts';

function run(
  models: Readonly<Record<string, FakeModel>>,
  dataset: Dataset,
  options: Parameters<typeof evaluate>[3] = {},
) {
  const named = Object.keys(models).map((path) => ({ path, source: { path } }));
  return evaluate(fakeRuntime(models), named, dataset, options);
}

/** Right on two of three. */
const THREE = [floats(0, 5, 0, 0), floats(1, 5, 0, 0), floats(2, 0, 0, 5)];

describe('evaluate', () => {
  it('measures one model', async () => {
    const report = await run({ 'a.onnx': passThrough(3) }, datasetOf(THREE, { classNames: ['a', 'b', 'c'] }));
    expect(report).toMatchObject({
      task: 'classification',
      data: { samples: 3, available: 3, labelled: true, classes: 3, interrupted: false },
      comparisons: [],
      faults: [],
    });
    expect(report.models[0]).toMatchObject({
      path: 'a.onnx',
      provider: 'fake',
      output: 'logits',
      accuracy: { top1: { correct: 2, total: 3 }, top5: null, outputsAre: 'logits' },
    });
  });

  it('closes all models, whatever one of them says to that', async () => {
    const closed: string[] = [];
    const runtime = fakeRuntime({ a: passThrough(3), b: passThrough(3) });
    const stubborn: Runtime = {
      ...runtime,
      async createSession(source, options) {
        const session = await runtime.createSession(source, options);
        const close = async (): Promise<undefined> => {
          closed.push('path' in source ? source.path : '');
          throw new SeInjectError('verify/run-failed', 'it does not end');
        };
        return { ...session, close };
      },
    };
    const models = ['a', 'b'].map((path) => ({ path, source: { path } }));
    const report = await evaluate(stubborn, models, datasetOf(THREE, { classNames: ['a', 'b', 'c'] }));
    expect(report.models).toHaveLength(2);
    expect(closed).toEqual(['a', 'b']);
  });

  it('says that nothing changed, that it is worse, and that it cannot be told', async () => {
    const many = Array.from({ length: 40 }, (_, i) =>
      floats(i % 3, ...[0, 1, 2].map((c) => (c === i % 3 ? 5 : 0))),
    );
    const models = {
      same: passThrough(3),
      close: passThrough(3, (row) => row.map((x) => x * 1.5)),
      worse: passThrough(3, (row) => [...row].reverse()),
    };
    const report = await run({ first: passThrough(3), ...models }, datasetOf(many));
    expect(report.comparisons.map(({ verdict }) => verdict)).toEqual(['same', 'same', 'worse']);
    const [same, close, worse] = report.comparisons;
    expect(same?.sentence).toBe(
      'No difference: both models give the same answer to each of the 40 samples, to the last digit of every output.',
    );
    expect(close?.sentence).toBe(
      'No difference: both models give the same answer to each of the 40 samples.',
    );
    expect(close?.distance).toMatchObject({ elements: 120, maxAbs: 2.5 });
    expect(close?.distance.cosine).toBeCloseTo(1, 12);
    // Signal 5, difference 2.5: 20 log10 2.
    expect(close?.distance.snrDb).toBeCloseTo(20 * Math.log10(2), 9);
    expect(worse?.answers).toMatchObject({ agreeing: 13, gained: 0, lost: 27 });
    expect(worse?.sentence).toMatch(
      /^The second model is worse: top-1 fell by 67\.50 percentage points \(0 answers became right and 27 wrong\), which chance does not explain \(p = 1\.5e-8\)\.$/,
    );
    const better = await run({ bad: models.worse, good: models.same }, datasetOf(many));
    expect(better.comparisons[0]?.sentence).toMatch(/^The second model is better: top-1 rose by 67\.50/);
    const few = await run({ good: models.same, bad: models.worse }, datasetOf(many.slice(0, 4)));
    expect(few.comparisons[0]).toMatchObject({ verdict: 'no-difference' });
    expect(few.comparisons[0]?.sentence).toBe(
      'No difference that 4 samples can show: top-1 fell by 75.00 percentage points (0 answers became right and 3 wrong), as chance alone would do with p = 0.25.',
    );
  });

  it('counts a sample that both get wrong for neither', async () => {
    const wrong = passThrough(3, () => [0, 0, 1]);
    const data = datasetOf([floats(1, 5, 0, 0), floats(0, 5, 0, 0)]);
    const report = await run({ a: passThrough(3), b: wrong }, data);
    expect(report.comparisons[0]?.answers).toMatchObject({ agreeing: 0, gained: 0, lost: 1, change: -0.5 });
  });

  it('compares without labels, and claims no accuracy', async () => {
    const data = datasetOf([floats(null, 5, 0, 0), floats(null, 0, 5, 0)]);
    const report = await run({ a: passThrough(3), b: passThrough(3, (row) => [...row].reverse()) }, data);
    expect(report.models[0]?.accuracy).toBe(null);
    expect(report.data.labelled).toBe(false);
    expect(report.comparisons[0]).toMatchObject({
      verdict: 'unlabelled',
      answers: { agreeing: 1, pValue: null },
    });
    expect(report.comparisons[0]?.sentence).toMatch(
      /^The models agree on 50\.00% of 2 samples; without labels/,
    );
  });

  it('counts labels that no output has, before and after the classes are known', async () => {
    const data = [floats(7, 1, 0, 0), floats(0, 1, 0, 0), floats(-1, 1, 0, 0), floats(1.5, 1, 0, 0)];
    const known = await run({ a: passThrough(3) }, datasetOf(data));
    expect(known.data.samples).toBe(1);
    expect(known.faults).toMatchObject([{ kind: 'label-out-of-range', count: 3 }]);
    expect(known.faults[0]?.examples[0]?.detail).toBe(
      'label 7 is not of the model’s classes, 0 to 2'.replace('’', "'"),
    );
    const open = passThrough(3);
    const silent = { ...open, outputs: [{ name: 'logits', dataType: 'float32' as const, shape: undefined }] };
    const late = await run({ a: silent }, datasetOf(data));
    expect(late.data.samples).toBe(1);
    expect(late.faults).toMatchObject([{ kind: 'label-out-of-range', count: 3 }]);
    const shifted = await run({ a: passThrough(3) }, datasetOf(data), { labelOffset: 1 });
    expect(shifted.faults).toMatchObject([{ kind: 'label-out-of-range', count: 2 }]);
  });

  it('stops at the first fault where that is asked for', async () => {
    const error = await errorOf(
      run({ a: passThrough(3) }, datasetOf([floats(7, 1, 0, 0)]), { strict: true }),
    );
    expect(error).toMatchObject({ code: 'evaluate/bad-sample', details: { kind: 'label-out-of-range' } });
  });

  it('counts and names samples that cannot be read or are of another shape', async () => {
    const bad: Sample = {
      name: 'b.jpg',
      label: 0,
      load: () => Promise.reject(Object.assign(new Error('a fault of ours'))),
    };
    await expect(run({ a: passThrough(3) }, datasetOf([bad]))).rejects.toThrow('a fault of ours');
    const report = await run(
      { a: passThrough(3) },
      datasetOf([
        floats(0, 1, 2),
        floats(0, 1, 0, 0),
        { kind: 'empty-class', name: 'zebra', detail: 'no images' },
      ]),
    );
    expect(report.data.samples).toBe(1);
    expect(report.faults.map(({ kind, count }) => [kind, count])).toEqual([
      ['empty-class', 1],
      ['wrong-shape', 1],
    ]);
    const error = await errorOf(run({ a: passThrough(3) }, datasetOf([floats(0, 1, 2)])));
    expect(error.code).toBe('evaluate/invalid-data');
    expect(error.message).toMatch(/no sample of "some data" could be used; a sample: it has the shape \[2\]/);
  });

  it('fills up the batch of a model that is fixed to one', async () => {
    const fed: number[][] = [];
    const given: number[][] = [];
    const fixed = passThrough(3, (row) => row, 4);
    const model: FakeModel = {
      ...fixed,
      run: (x) => {
        fed.push([...x.dims]);
        given.push(Array.from(x.data as Float32Array));
        return fixed.run(x);
      },
    };
    const data = datasetOf([...THREE, ...THREE]);
    const report = await run({ a: model, b: passThrough(3) }, data);
    expect(fed).toEqual([
      [4, 3],
      [4, 3],
    ]);
    expect(given[1]?.slice(6)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(report.models[0]?.accuracy?.top1).toMatchObject({ correct: 4, total: 6 });
    expect(report.comparisons[0]?.distance).toMatchObject({ elements: 18, equal: 18 });
    expect((await errorOf(run({ a: model }, data, { batch: 3 }))).code).toBe('evaluate/invalid-option');
    expect((await errorOf(run({ a: model, b: passThrough(3, (row) => row, 2) }, data))).message).toMatch(
      /batches of 4 and 2/,
    );
  });

  it('takes as many samples as asked for, and says how far it is', async () => {
    const seen: unknown[] = [];
    const data = datasetOf([...THREE, ...THREE]);
    const report = await run({ a: passThrough(3) }, data, {
      limit: 4,
      batch: 2,
      onProgress: ({ done, total }) => {
        seen.push([done, total]);
      },
    });
    expect(seen).toEqual([
      [2, 4],
      [4, 4],
    ]);
    expect(report.data).toMatchObject({ samples: 4, available: 6, limit: 4 });
  });

  it('reports what was measured until it was stopped', async () => {
    let batches = 0;
    const report = await run({ a: passThrough(3) }, datasetOf([...THREE, ...THREE]), {
      batch: 1,
      shouldStop: () => {
        batches += 1;
        return batches === 2;
      },
    });
    expect(report.data).toMatchObject({ samples: 2, interrupted: true });
    expect(report.models[0]?.accuracy?.top1).toMatchObject({ correct: 1, total: 2 });
  });

  it('measures maps of classes by the pixel, and other outputs by their distance', async () => {
    const map = (flip: boolean): FakeModel => ({
      inputs: [{ name: 'x', dataType: 'float32', shape: ['N', 4] }],
      outputs: [{ name: 'map', dataType: 'float32', shape: ['N', 2, 1, 2] }],
      run: (x): Record<string, RuntimeTensor> => ({
        map: {
          dataType: 'float32',
          dims: [x.dims[0] ?? 0, 2, 1, 2],
          data: Float32Array.from(x.data as Float32Array, (value, i) =>
            flip && i % 4 === 0 ? -value : value,
          ),
        },
      }),
    });
    const data = datasetOf([floats(null, 1, 1, 0, 0), floats(null, 1, 1, 0, 0)]);
    const report = await run({ a: map(false), b: map(true) }, data);
    expect(report).toMatchObject({
      task: 'segmentation',
      comparisons: [{ pixelAgreement: 0.5, answers: null }],
    });
    expect(report.comparisons[0]?.sentence).toMatch(
      /^The outputs differ: cosine 0\.000000, SNR -3\.0 dB; 50\.00% of the pixels get the same class\./,
    );
    const one = await run(
      { a: passThrough(1), b: passThrough(1, (row) => row.map((x) => x + 1)) },
      datasetOf([floats(null, 2)]),
    );
    expect(one).toMatchObject({
      task: 'other',
      comparisons: [{ verdict: 'unlabelled', distance: { maxAbs: 1 } }],
    });
    const same = await run({ a: passThrough(1), b: passThrough(1) }, datasetOf([floats(null, 2)]));
    expect(same.comparisons[0]).toMatchObject({ verdict: 'same' });
  });

  it('waits before each run where it is told to, so that a decoder can start on what comes next', async () => {
    const order: string[] = [];
    const model = passThrough(3);
    const noted: FakeModel = {
      ...model,
      run: (x) => {
        order.push('run');
        return model.run(x);
      },
    };
    const beforeRun = async (): Promise<void> => {
      order.push('wait');
    };
    await run({ a: noted }, datasetOf(THREE), { batch: 2, beforeRun });
    expect(order).toEqual(['wait', 'run', 'wait', 'run']);
  });

  it('counts outputs that are no numbers', async () => {
    const report = await run({ a: passThrough(3, () => [Number.NaN, 0, 0]) }, datasetOf(THREE));
    expect(report.models[0]?.accuracy).toMatchObject({ nonFinite: 3, top1: { correct: 0 } });
  });

  it('asks which output is meant where there are several rows', async () => {
    const two: FakeModel = {
      ...passThrough(3),
      outputs: [
        { name: 'aux', dataType: 'float32', shape: ['N', 3] },
        { name: 'logits', dataType: 'float32', shape: ['N', 3] },
      ],
    };
    const error = await errorOf(run({ a: two }, datasetOf(THREE)));
    expect(error.code).toBe('evaluate/invalid-option');
    expect(error.message).toMatch(/name the one to measure with --output: "aux" \[N, 3\], "logits" \[N, 3\]/);
    expect((await run({ a: two }, datasetOf(THREE), { output: 'logits' })).models[0]?.output).toBe('logits');
    const features: FakeModel = {
      ...two,
      outputs: [{ name: 'features', dataType: 'float32', shape: ['N', 3, 7, 7] }, ...two.outputs.slice(1)],
    };
    expect((await run({ a: features }, datasetOf(THREE))).models[0]?.output).toBe('logits');
    expect((await errorOf(run({ a: two }, datasetOf(THREE), { output: 'nope' }))).code).toBe(
      'verify/invalid-input',
    );
  });

  it('refuses models that take different inputs, and gives of different shapes', async () => {
    expect((await errorOf(run({ a: passThrough(3), b: passThrough(4) }, datasetOf(THREE)))).message).toMatch(
      /"b" takes \[4\] and "a" \[3\]/,
    );
    const wide: FakeModel = {
      ...passThrough(3),
      run: (x) => ({
        logits: {
          dataType: 'float32',
          dims: [x.dims[0] ?? 0, 2],
          data: new Float32Array(2 * (x.dims[0] ?? 0)),
        },
      }),
    };
    expect((await errorOf(run({ a: passThrough(3), b: wide }, datasetOf(THREE)))).message).toMatch(
      /different shapes/,
    );
    expect((await errorOf(run({}, datasetOf(THREE)))).code).toBe('evaluate/invalid-option');
  });

  it('notes classes of the data that are not those of the model', async () => {
    const report = await run({ a: passThrough(3) }, datasetOf(THREE, { classNames: ['x', 'y'] }));
    expect(report.data.notes).toEqual([
      expect.stringMatching(/^the data have 2 classes and the model gives 3/),
    ]);
    const shifted = await run(
      { a: passThrough(3) },
      datasetOf([floats(0, 0, 5, 0)], { classNames: ['x', 'y'] }),
      { labelOffset: 1 },
    );
    expect(shifted.data.notes).toEqual([]);
    expect(shifted.models[0]?.accuracy?.perClass[1]).toMatchObject({ name: 'x', correct: 1 });
  });

  it.each(['float16', 'float64', 'uint8', 'int64', 'int32'] as const)(
    'feeds a model of %s',
    async (dataType) => {
      let given: RuntimeTensor | undefined;
      const model: FakeModel = {
        inputs: [{ name: 'x', dataType, shape: ['N', 2] }],
        outputs: [{ name: 'y', dataType: 'float32', shape: ['N', 2] }],
        run(x) {
          given = x;
          return { y: { dataType: 'float32', dims: [1, 2], data: Float32Array.of(0, 1) } };
        },
      };
      const data = datasetOf([sampleOf(1, { dataType: 'uint8', dims: [2], data: Uint8Array.of(1, 255) })]);
      const report = await run({ a: model }, data);
      expect(report.models[0]?.accuracy?.top1.correct).toBe(1);
      const expected =
        dataType === 'float16' ? [0x3c00, 0x5bf8] : dataType === 'int64' ? [1n, 255n] : [1, 255];
      expect([given?.dataType, Array.from<number | bigint | string>(given?.data ?? [])]).toEqual([
        dataType,
        expected,
      ]);
    },
  );

  it('reads ahead of the model, and no further than it needs to', async () => {
    let [reading, most, given] = [0, 0, 0];
    const slow = (i: number): Sample => ({
      name: `#${i}`,
      label: 0,
      async load() {
        given += 1;
        reading += 1;
        most = Math.max(most, reading);
        await new Promise((resolve) => setImmediate(resolve));
        reading -= 1;
        return { array: { dataType: 'float32', dims: [3], data: Float32Array.of(1, 0, 0) } };
      },
    });
    const data = datasetOf(Array.from({ length: 1000 }, (_, i) => slow(i)));
    await run({ a: passThrough(3) }, data, { batch: 8, limit: 100 });
    expect(given).toBe(100);
    expect(most).toBeGreaterThanOrEqual(8);
    expect(most).toBeLessThanOrEqual(24);
  });
});
