import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { type DataFault, isFault, type Sample } from '../../src/evaluate/sample.ts';
import { type DataOptions, openData } from '../../src/node/eval-data.ts';
import { type NpyArray, writeNpy } from '../../src/onnx/npy.ts';
import { errorOf } from '../helpers/error-of.ts';
import { testFolder } from '../helpers/folder.ts';
import { numpyFile } from '../helpers/numpy-files.ts';

const folder = testFolder();
const GEOMETRY = { resize: { mode: 'none' }, crop: null, interpolation: 'bilinear' } as const;

/** All samples of some data, as label and numbers; faults as they are. */
async function all(path: string, options: DataOptions = {}) {
  const { dataset } = await openData(path, options);
  const samples: (readonly [name: string, label: number | null, numbers: number[]])[] = [];
  const faults: DataFault[] = [];
  for await (const item of dataset.walk()) {
    if (isFault(item)) faults.push(item);
    else samples.push([item.name, item.label, await numbers(item)]);
  }
  return { dataset, samples, faults };
}

async function numbers(sample: Sample): Promise<number[]> {
  const { array } = await sample.load(GEOMETRY);
  return Array.from(array.data as Uint8Array, Number);
}

/** An IDX file: sizes big-endian behind the type. */
function idx(type: number, dims: readonly number[], content: readonly number[] | Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * dims.length));
  header.setUint8(2, type);
  header.setUint8(3, dims.length);
  for (const [axis, dim] of dims.entries()) header.setUint32(4 + 4 * axis, dim);
  return Uint8Array.from([...new Uint8Array(header.buffer), ...content]);
}

function npy(
  dataType: 'uint8' | 'float32' | 'int64',
  dims: readonly number[],
  values: readonly number[],
): Uint8Array {
  const data =
    dataType === 'uint8'
      ? Uint8Array.from(values)
      : dataType === 'float32'
        ? Float32Array.from(values)
        : BigInt64Array.from(values.map(BigInt));
  return writeNpy({ dataType, dims, data } as NpyArray);
}

const PIXELS = idx(8, [3, 1, 2], [1, 2, 3, 4, 5, 6]);
const LABELS = idx(8, [3], [7, 8, 9]);
const SAMPLES = [
  ['#0', 7, [1, 2]],
  ['#1', 8, [3, 4]],
  ['#2', 9, [5, 6]],
];

describe('IDX', () => {
  it('is read with its labels beside it', async () => {
    const path = folder.write('t10k-images-idx3-ubyte', PIXELS);
    folder.write('t10k-labels-idx1-ubyte', LABELS);
    const { dataset, samples } = await all(path);
    expect(dataset).toMatchObject({ format: 'idx', size: 3, path });
    expect(samples).toEqual(SAMPLES);
    // From the start again.
    expect((await all(path)).samples).toEqual(SAMPLES);
  });

  it('is read gzipped, by its content, and either of the two may be', async () => {
    folder.write('a-images.idx3', gzipSync(PIXELS));
    folder.write('a-labels.idx1.gz', gzipSync(LABELS));
    expect((await all(folder.at('a-images.idx3'))).samples).toEqual(SAMPLES);
  });

  it('is found in a folder, the test part unless the other is asked for', async () => {
    folder.write('t10k-images-idx3-ubyte', PIXELS);
    folder.write('t10k-labels-idx1-ubyte', LABELS);
    folder.write('train-images-idx3-ubyte.gz', gzipSync(idx(8, [1, 1, 2], [9, 9])));
    folder.write('train-labels-idx1-ubyte.gz', gzipSync(idx(8, [1], [4])));
    const { dataset, samples } = await all(folder.at('.'));
    expect(samples).toEqual(SAMPLES);
    expect(dataset.notes).toEqual(['of the folder, t10k-images-idx3-ubyte was taken']);
    expect((await all(folder.at('.'), { split: 'train' })).samples).toEqual([['#0', 4, [9, 9]]]);
  });

  it('has labels in a file that is named, and none where there is none', async () => {
    const path = folder.write('pixels', PIXELS);
    const labels = folder.write('answers.npy', npy('int64', [3], [7, 8, 9]));
    expect((await all(path, { labels })).samples).toEqual(SAMPLES);
    expect((await all(path)).samples.map(([, label]) => label)).toEqual([null, null, null]);
  });

  it('holds other numbers too, big-endian', async () => {
    const path = folder.write('x', idx(0x0b, [2, 1], [0, 1, 255, 255]));
    expect((await all(path)).samples).toEqual([
      ['#0', null, [1]],
      ['#1', null, [-1]],
    ]);
    const floats = folder.write('f', idx(0x0d, [1, 1], [0x3f, 0xc0, 0, 0]));
    expect((await all(floats)).samples[0]?.[2]).toEqual([1.5]);
  });

  it('that ends too early gives what is there, and says what is missing, gzipped too', async () => {
    const cut = PIXELS.subarray(0, PIXELS.length - 3);
    for (const bytes of [cut, gzipSync(PIXELS, { level: 0 }).subarray(0, -13)]) {
      const path = folder.write('images', bytes);
      folder.write('labels', LABELS);
      const { samples, faults } = await all(path);
      expect(samples).toEqual(SAMPLES.slice(0, samples.length));
      expect(samples.length).toBeLessThan(3);
      expect(faults).toMatchObject([{ kind: 'truncated', name: path, count: 3 - samples.length }]);
    }
  });

  it.each<[string, Uint8Array, Uint8Array, RegExp]>([
    ['labels in the place of images', LABELS, LABELS, /has one number for each sample: those are labels/],
    ['too few labels', PIXELS, idx(8, [2], [1, 2]), /has 2 labels for the 3 samples/],
    [
      'labels with more than one number',
      PIXELS,
      idx(8, [3, 2], [1, 2, 3, 4, 5, 6]),
      /2 numbers for each sample: give the index/,
    ],
    ['labels that are something else', PIXELS, Uint8Array.of(1, 2, 3), /holds no labels/],
    ['rows of nothing', idx(8, [3, 0], []), LABELS, /rows of 0 numbers/],
  ])('is refused with %s', async (_what, images, labels, message) => {
    const path = folder.write('images', images);
    const error = await errorOf(openData(path, { labels: folder.write('labels', labels) }));
    expect(error.code).toBe('evaluate/invalid-data');
    expect(error.message).toMatch(message);
  });

  it('that is damaged behind its head is an error that names it', async () => {
    const bytes = gzipSync(
      idx(
        8,
        [4000, 10],
        new Uint8Array(40_000).map((_, i) => i * i),
      ),
    );
    bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 64);
    const path = folder.write('images', bytes);
    expect(await errorOf(all(path))).toMatchObject({ code: 'evaluate/invalid-data', details: { path } });
  });
});

describe('NumPy', () => {
  it('.npy is read with its labels beside it', async () => {
    folder.write('x.npy', npy('float32', [2, 2], [1, 2, 3, 4]));
    folder.write('y.npy', npy('int64', [2, 1], [5, 6]));
    const { dataset, samples } = await all(folder.at('x.npy'));
    expect(dataset).toMatchObject({ format: 'npy', size: 2 });
    expect(samples).toEqual([
      ['#0', 5, [1, 2]],
      ['#1', 6, [3, 4]],
    ]);
    folder.write('val_images.npy', npy('uint8', [1, 1], [1]));
    folder.write('val_labels.npy', npy('uint8', [1], [3]));
    expect((await all(folder.at('val_images.npy'))).samples).toEqual([['#0', 3, [1]]]);
  });

  it('.npz is read by the names of its arrays, stored or deflated', async () => {
    const files = {
      'x.npy': npy('uint8', [3, 2], [1, 2, 3, 4, 5, 6]),
      'y.npy': npy('int64', [3], [7, 8, 9]),
    };
    for (const level of [0, 9] as const) {
      const path = folder.write('data.npz', zipSync(files, { level }));
      const { dataset, samples } = await all(path);
      expect(dataset).toMatchObject({ format: 'npz', size: 3, notes: [] });
      expect(samples).toEqual(SAMPLES);
    }
  });

  it('.npz as NumPy itself writes it: one array is the samples', async () => {
    const path = folder.write('numpy.npz', numpyFile('npz'));
    const { samples } = await all(path);
    expect(samples).toEqual([['#0', null, [0, 1, 2, 3, 4, 5]]]);
  });

  it('.npz in two parts: the test part, unless the other is asked for', async () => {
    const path = folder.write(
      'mnist.npz',
      zipSync({
        'x_train.npy': npy('uint8', [1, 1], [1]),
        'y_train.npy': npy('uint8', [1], [2]),
        'x_test.npy': npy('uint8', [1, 1], [3]),
        'y_test.npy': npy('uint8', [1], [4]),
      }),
    );
    const test = await all(path);
    expect(test.samples).toEqual([['#0', 4, [3]]]);
    expect(test.dataset.notes[0]).toMatch(/"x_test" and "y_test" were taken$/);
    expect((await all(path, { split: 'train' })).samples).toEqual([['#0', 2, [1]]]);
  });

  it('is streamed: rows come before the end of the file is read', async () => {
    // 40 MiB of zeros in a file of 40 KiB: were it unpacked at once, memory would show it.
    const path = folder.write('big.npz', zipSync({ 'x.npy': bigNpy() }, { level: 1 }));
    const { dataset } = await openData(path);
    const before = process.memoryUsage().rss;
    let [count, most] = [0, 0];
    for await (const item of dataset.walk()) {
      if (!isFault(item)) count += 1;
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    expect(count).toBe(160);
    expect(most).toBeLessThan(120 * 2 ** 20);
  });

  it.each<[string, () => string, RegExp, string]>([
    [
      'column-major order',
      () => folder.write('x.npy', numpyFile('fortran')),
      /column-major order/,
      'evaluate/invalid-data',
    ],
    [
      'one number',
      () => folder.write('x.npy', npy('float32', [], [1])),
      /single number/,
      'evaluate/invalid-data',
    ],
    ['text', () => folder.write('x.npy', numpyFile('text')), /NumPy's type "<U1"/, 'evaluate/invalid-data'],
    [
      'a header that is cut',
      () => folder.write('x.npy', npy('float32', [1, 1], [1]).subarray(0, 20)),
      /ends within its header/,
      'onnx/invalid-array',
    ],
    [
      'arrays of other names',
      () =>
        folder.write(
          'x.npz',
          zipSync({ 'a.npy': npy('uint8', [1, 1], [1]), 'b.npy': npy('uint8', [1], [1]) }),
        ),
      /has the arrays "a", "b": name the samples "x"/,
      'evaluate/invalid-data',
    ],
    [
      'no array',
      () => folder.write('x.npz', zipSync({ 'a.txt': Uint8Array.of(1) })),
      /has the arrays none/,
      'evaluate/invalid-data',
    ],
  ])('is refused with %s', async (_what, write, message, code) => {
    const error = await errorOf(openData(write()));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('that ends too early says what is missing', async () => {
    const path = folder.write('x.npy', npy('float32', [3, 2], [1, 2, 3, 4, 5, 6]).subarray(0, -9));
    const { samples, faults } = await all(path);
    expect(samples).toEqual([['#0', null, [1, 2]]]);
    expect(faults).toMatchObject([{ kind: 'truncated', count: 2 }]);
    const zip = zipSync({ 'x.npy': npy('uint8', [90_000, 4], new Array(360_000).fill(1)) }, { level: 0 });
    const cut = await all(folder.write('x.npz', zip.subarray(0, 200_000)));
    expect(cut.faults).toMatchObject([{ kind: 'truncated' }]);
    expect(cut.samples.length + (cut.faults[0]?.count ?? 0)).toBe(90_000);
  });
});

/** 160 rows of 256 KiB, all 0. */
function bigNpy(): Uint8Array {
  const header = npy('uint8', [160, 2 ** 18], []);
  const bytes = new Uint8Array(header.length + 160 * 2 ** 18);
  bytes.set(header);
  return bytes;
}

describe('CIFAR', () => {
  const record = (labels: readonly number[], fill: number): number[] => [
    ...labels,
    ...new Array(3072).fill(fill),
  ];
  const TEN = Uint8Array.from([...record([3], 10), ...record([9], 20)]);
  const HUNDRED = Uint8Array.from([...record([19, 99], 30), ...record([0, 7], 40)]);

  it('10 is told by its size and labels, its names are beside it', async () => {
    const path = folder.write('test_batch.bin', TEN);
    folder.write(
      'batches.meta.txt',
      'airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n',
    );
    const { dataset, samples } = await all(path);
    expect(dataset).toMatchObject({ format: 'cifar10', size: 2 });
    expect(dataset.classNames?.[3]).toBe('cat');
    expect(samples.map(([name, label, pixels]) => [name, label, pixels.length, pixels[0]])).toEqual([
      ['#0', 3, 3072, 10],
      ['#1', 9, 3072, 20],
    ]);
  });

  it('100 has two labels, of which the fine one counts', async () => {
    const path = folder.write('test.bin', HUNDRED);
    const { dataset, samples } = await all(path);
    expect(dataset.format).toBe('cifar100');
    expect(samples.map(([, label]) => label)).toEqual([99, 7]);
  });

  it('is found in a folder, all five files of the training part', async () => {
    folder.write('test_batch.bin', TEN);
    folder.write('data_batch_1.bin', TEN.subarray(0, 3073));
    folder.write('data_batch_2.bin', TEN.subarray(3073));
    expect((await all(folder.at('.'))).samples).toHaveLength(2);
    const train = await all(folder.at('.'), { split: 'train' });
    expect(train.samples.map(([, label]) => label)).toEqual([3, 9]);
    expect(train.samples[1]?.[0]).toMatch(/data_batch_2\.bin#0$/);
  });

  it('that is cut is told by --data-format, and says what is missing', async () => {
    const path = folder.write('cut.bin', TEN.subarray(0, 5000));
    expect((await errorOf(openData(path))).code).toBe('evaluate/invalid-data');
    const { samples, faults } = await all(path, { format: 'cifar10' });
    expect(samples).toHaveLength(1);
    expect(faults).toMatchObject([{ kind: 'truncated', count: 1 }]);
  });
});

describe('data that are none', () => {
  it.each<[string, () => string, string, RegExp]>([
    ['nothing there', () => folder.at('nope'), 'node/not-found', /there is no such file/],
    ['an empty file', () => folder.write('x', ''), 'evaluate/invalid-data', /is no data that is known/],
    [
      'other bytes',
      () => folder.write('x', Uint8Array.of(0, 1, 2, 3)),
      'evaluate/invalid-data',
      /is no data that is known/,
    ],
    ['a folder of files', () => folder.at('.'), 'evaluate/invalid-data', /has no folders/],
  ])('are refused: %s', async (_what, path, code, message) => {
    const error = await errorOf(openData(path()));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('are refused where another format is insisted on', async () => {
    const path = folder.write('x', PIXELS);
    expect((await errorOf(openData(path, { format: 'npy' }))).code).toBe('onnx/invalid-array');
    expect((await errorOf(openData(path, { format: 'images' }))).message).toMatch(
      /is a file: give the folder/,
    );
    expect((await errorOf(openData(folder.at('.'), { format: 'idx' }))).message).toMatch(
      /a folder without idx data/,
    );
    expect(
      (await errorOf(openData(folder.write('y.npy', npy('uint8', [1, 1], [1])), { format: 'idx' }))).message,
    ).toMatch(/is no IDX file/);
    expect((await errorOf(openData(path, { format: 'npz' }))).code).toBe('evaluate/invalid-data');
  });

  it('a folder with parts of which none fits', async () => {
    mkdirSync(folder.at('train', 'cat'), { recursive: true });
    writeFileSync(folder.at('train', 'cat', 'a.png'), '');
    expect((await errorOf(openData(folder.at('.')))).message).toMatch(
      /has train, and none of them fits --split test/,
    );
  });
});
