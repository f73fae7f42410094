import { describe, expect, it } from 'vitest';
import { modelInput } from '../../src/evaluate/model-input.ts';
import { samplePreparer } from '../../src/evaluate/pixels.ts';
import { type PreprocessOptions, resizedSize, resolvePreprocessing } from '../../src/evaluate/preprocess.ts';
import type { DataFormat, SampleContent } from '../../src/evaluate/sample.ts';
import type { RuntimeDataType } from '../../src/verify/runtime.ts';
import { errorOf } from '../helpers/error-of.ts';

type Shape = readonly (number | string)[];

function input(shape: Shape, dataType: RuntimeDataType = 'float32') {
  return modelInput([{ name: 'x', dataType, shape }]);
}

/** What a model of a shape is fed for one sample. */
function fed(
  content: SampleContent,
  shape: Shape,
  options: PreprocessOptions,
  format: DataFormat = 'images',
): number[] {
  const prepared = samplePreparer(resolvePreprocessing(options, input(shape), format))(content, 'it');
  const target = new Float64Array(prepared.dims.reduce((product, dim) => product * dim, 1));
  prepared.write(target, 0);
  return Array.from(target);
}

/** Two pixels, red-ish and blue-ish, channels last. */
const COLOURS: SampleContent = {
  array: { dataType: 'uint8', dims: [1, 2, 3], data: Uint8Array.of(255, 51, 0, 10, 20, 30) },
  layout: 'hwc',
};
const GREY: SampleContent = { array: { dataType: 'uint8', dims: [1, 2], data: Uint8Array.of(0, 255) } };
const EXACT = { resize: { mode: 'none' }, crop: null } as const;

describe('presets', () => {
  it('imagenet: RGB in planes, 0 to 1, mean and std', () => {
    const numbers = fed(COLOURS, ['N', 3, 1, 2], { preset: 'imagenet', ...EXACT });
    const expected = [
      (255 / 255 - 0.485) / 0.229,
      (10 / 255 - 0.485) / 0.229,
      (51 / 255 - 0.456) / 0.224,
      (20 / 255 - 0.456) / 0.224,
      (0 - 0.406) / 0.225,
      (30 / 255 - 0.406) / 0.225,
    ];
    expect(numbers).toEqual(expected);
  });

  it('cifar10: the mean and std of its training set', () => {
    const [red = 0, , green = 0] = fed(COLOURS, ['N', 3, 1, 2], { preset: 'cifar10', ...EXACT });
    expect(red).toBe((1 - 0.4914) / 0.247);
    expect(green).toBe((0.2 - 0.4822) / 0.2435);
  });

  it('mnist: grey', () => {
    expect(fed(GREY, ['N', 1, 1, 2], { preset: 'mnist', ...EXACT })).toEqual([
      (0 - 0.1307) / 0.3081,
      (1 - 0.1307) / 0.3081,
    ]);
  });

  it('tf: -1 to 1, channels last where the model has them there', () => {
    const tall = { ...COLOURS, array: { ...COLOURS.array, dims: [2, 1, 3] } };
    const numbers = fed(tall, ['N', 2, 1, 3], { preset: 'tf', ...EXACT });
    expect(numbers).toEqual([255, 51, 0, 10, 20, 30].map((x) => (x / 255 - 0.5) / 0.5));
    expect(Math.min(...numbers)).toBe(-1);
    expect(Math.max(...numbers)).toBe(1);
  });

  it('caffe: BGR, 0 to 255, mean of ImageNet', () => {
    expect(fed(COLOURS, ['N', 3, 1, 2], { preset: 'caffe', ...EXACT })).toEqual([
      0 - 103.939,
      30 - 103.939,
      51 - 116.779,
      20 - 116.779,
      255 - 123.68,
      10 - 123.68,
    ]);
  });

  it('none: as they are', () => {
    expect(fed(COLOURS, ['N', 3, 1, 2], { preset: 'none' })).toEqual([255, 10, 51, 20, 0, 30]);
  });

  it.each([
    ['images', 'imagenet'],
    ['list', 'imagenet'],
    ['idx', 'mnist'],
    ['cifar10', 'cifar10'],
    ['cifar100', 'cifar10'],
    ['npz', 'none'],
    ['npy', 'none'],
  ] as const)(
    'data of format %s are prepared as %s unless told otherwise, which is said',
    (format, preset) => {
      const resolved = resolvePreprocessing({}, input(['N', 3, 32, 32]), format);
      expect(resolved).toMatchObject({ preset, assumed: true });
      expect(resolvePreprocessing({ preset: 'tf' }, input(['N', 3, 8, 8]), format)).toMatchObject({
        preset: 'tf',
        assumed: false,
      });
    },
  );

  it('take their size from the model, and 224 where it leaves it open', () => {
    const geometry = (shape: Shape, options: PreprocessOptions = {}) =>
      resolvePreprocessing({ preset: 'imagenet', ...options }, input(shape), 'images').geometry;
    expect(geometry(['N', 3, 'H', 'W'])).toMatchObject({
      resize: { mode: 'shorter', size: 256 },
      crop: { width: 224, height: 224 },
    });
    expect(geometry(['N', 3, 128, 128])).toMatchObject({
      resize: { mode: 'shorter', size: 146 },
      crop: { width: 128, height: 128 },
    });
    expect(geometry(['N', 3, 'H', 'W'], { size: 299 })).toMatchObject({ crop: { width: 299, height: 299 } });
  });
});

describe('preparing', () => {
  it('makes grey of colours as Pillow does, and colours of grey', () => {
    const grey = fed(COLOURS, ['N', 1, 1, 2], { preset: 'none' });
    // Pillow's L of (255, 51, 0) and (10, 20, 30).
    expect(grey).toEqual([106, 18]);
    const green: SampleContent = {
      array: { dataType: 'float64', dims: [1, 2, 3], data: Float64Array.of(0, 1, 0, 0, 0, 1) },
      layout: 'hwc',
    };
    expect(fed(green, ['N', 1, 1, 2], { preset: 'none' })).toEqual([0.587, 0.114]);
    expect(fed(GREY, ['N', 3, 1, 2], { preset: 'none' })).toEqual([0, 255, 0, 255, 0, 255]);
  });

  it('cuts the middle out, an odd rest as Python rounds it', () => {
    const rows: SampleContent = {
      array: { dataType: 'uint8', dims: [5, 5], data: Uint8Array.from({ length: 25 }, (_, i) => i) },
    };
    const crop = (width: number, height: number) =>
      fed(rows, ['N', 1, height, width], { preset: 'none', crop: { width, height } });
    expect(crop(1, 1)).toEqual([12]);
    // (5 - 2) / 2 = 1.5 is rounded to 2, and (5 - 4) / 2 = 0.5 to 0.
    expect(crop(2, 2)).toEqual([12, 13, 17, 18]);
    expect(crop(4, 1)).toEqual([10, 11, 12, 13]);
  });

  it('drops an alpha channel, reads planes, flat rows, 16 bits, and floats as they are', () => {
    const alpha: SampleContent = {
      array: { dataType: 'uint8', dims: [1, 1, 4], data: Uint8Array.of(1, 2, 3, 4) },
      layout: 'hwc',
    };
    expect(fed(alpha, ['N', 3, 1, 1], { preset: 'none' })).toEqual([1, 2, 3]);
    const planes: SampleContent = {
      array: { dataType: 'uint8', dims: [3, 1, 2], data: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    };
    expect(fed(planes, ['N', 3, 1, 2], { preset: 'none' })).toEqual([1, 2, 3, 4, 5, 6]);
    const flat: SampleContent = { array: { dataType: 'uint8', dims: [4], data: Uint8Array.of(1, 2, 3, 4) } };
    expect(fed(flat, ['N', 1, 2, 2], { preset: 'none' })).toEqual([1, 2, 3, 4]);
    const deep: SampleContent = {
      array: { dataType: 'uint16', dims: [1, 2], data: Uint16Array.of(0, 65_535) },
    };
    expect(fed(deep, ['N', 1, 1, 2], { preset: 'none', scale: '0-1' })).toEqual([0, 1]);
    const float: SampleContent = {
      array: { dataType: 'float32', dims: [1, 2], data: Float32Array.of(0.5, 2) },
    };
    expect(fed(float, ['N', 1, 1, 2], { preset: 'none', scale: '0-1', mean: [0.5] })).toEqual([0, 1.5]);
  });

  it('feeds what is no picture as it is, where the number of numbers fits', () => {
    const row: SampleContent = { array: { dataType: 'float32', dims: [3], data: Float32Array.of(1, 2, 3) } };
    expect(fed(row, ['N', 3], {}, 'npz')).toEqual([1, 2, 3]);
    const picture: SampleContent = {
      array: { dataType: 'uint8', dims: [1, 3], data: Uint8Array.of(1, 2, 3) },
    };
    expect(fed(picture, ['N', 3], { scale: '0-1', mean: [0], std: [1] }, 'npz')).toEqual([
      1 / 255,
      2 / 255,
      3 / 255,
    ]);
  });

  it.each<[string, SampleContent, Shape, PreprocessOptions]>([
    ['another size', GREY, ['N', 1, 28, 28], { preset: 'none' }],
    [
      'a picture that is smaller than the crop',
      GREY,
      ['N', 1, 4, 4],
      { preset: 'none', crop: { width: 4, height: 4 } },
    ],
    ['another number of numbers', GREY, ['N', 7], {}],
    [
      'two channels',
      { array: { dataType: 'uint8', dims: [1, 2, 2], data: new Uint8Array(4) }, layout: 'hwc' },
      ['N', 3, 1, 1],
      { preset: 'none' },
    ],
    [
      'no picture',
      { array: { dataType: 'uint8', dims: [2, 2, 2, 2], data: new Uint8Array(16) } },
      ['N', 3, 2, 2],
      {},
    ],
  ])('refuses %s', async (_what, content, shape, options) => {
    const error = await errorOf(() => fed(content, shape, options, 'npz'));
    expect(error).toMatchObject({
      code: 'evaluate/bad-sample',
      details: { kind: 'wrong-shape', name: 'it' },
    });
  });
});

describe('resizedSize', () => {
  it('is that of torchvision: the longer side is cut to a whole number', () => {
    const geometry = {
      resize: { mode: 'shorter', size: 256 },
      crop: null,
      interpolation: 'bilinear',
    } as const;
    expect(resizedSize(geometry, 640, 427)).toEqual({ width: 383, height: 256 });
    expect(resizedSize(geometry, 427, 640)).toEqual({ width: 256, height: 383 });
    expect(resizedSize(geometry, 1, 100)).toEqual({ width: 256, height: 25_600 });
    expect(resizedSize(geometry, 100_000, 100)).toEqual({ width: 256_000, height: 256 });
  });
});

describe('resolving', () => {
  it.each<[string, PreprocessOptions, Shape, RegExp]>([
    [
      'two means for three channels',
      { mean: [1, 2] },
      ['N', 3, 8, 8],
      /mean has 2 numbers and the model reads 3 channels/,
    ],
    [
      'three stds for one',
      { std: [1, 2, 3] },
      ['N', 1, 8, 8],
      /std has 3 numbers and the model reads 1 channel/,
    ],
    ['a std of 0', { std: [0] }, ['N', 3, 8, 8], /std 0 cannot be/],
    ['a mean that is no number', { mean: [Number.NaN] }, ['N', 3, 8, 8], /mean NaN cannot be/],
    ['no mean', { mean: [] }, ['N', 3, 8, 8], /mean without a number/],
    ['three means without channels', { mean: [1, 2, 3] }, ['N', 12], /reads no channels/],
    ['a layout without pictures', { layout: 'nchw' }, ['N', 12], /layout nchw is for models of images/],
  ])('refuses %s', async (_what, options, shape, message) => {
    const error = await errorOf(() => resolvePreprocessing(options, input(shape), 'npz'));
    expect(error.code).toBe('evaluate/invalid-option');
    expect(error.message).toMatch(message);
  });

  it.each<[string, Parameters<typeof modelInput>[0], RegExp]>([
    ['no input', [], /0 inputs \(none\)/],
    [
      'two inputs',
      [
        { name: 'a', dataType: 'float32', shape: [1] },
        { name: 'b', dataType: 'float32', shape: [1] },
      ],
      /2 inputs \("a", "b"\)/,
    ],
    ['strings', [{ name: 'a', dataType: 'string', shape: [1] }], /of type string takes no numbers/],
    ['what cannot be fed', [{ name: 'a', dataType: undefined, shape: [1] }], /of type unknown/],
    ['no shape', [{ name: 'a', dataType: 'float32', shape: undefined }], /declares no shape/],
  ])('refuses a model of %s', async (_what, inputs, message) => {
    const error = await errorOf(() => modelInput(inputs));
    expect(error.code).toBe('evaluate/unsupported-model');
    expect(error.message).toMatch(message);
  });

  it('reads batch and layout off the declared shape', () => {
    expect(input([8, 3, 224, 224])).toMatchObject({ batch: 8, layout: 'nchw', dims: [3, 224, 224] });
    expect(input(['N', 'H', 'W', 3])).toMatchObject({ batch: null, layout: 'nhwc', dims: [null, null, 3] });
    expect(input(['N', '', '', ''])).toMatchObject({ layout: 'nchw', dims: [null, null, null] });
    expect(input(['N', 784])).toMatchObject({ layout: 'plain', dims: [784] });
  });
});
