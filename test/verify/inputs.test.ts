import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFloat16 } from '../../src/onnx/half.ts';
import { INPUT_REGIMES, type InputRegime, makeFeeds } from '../../src/verify/inputs.ts';
import {
  checkFeeds,
  type RuntimeDataType,
  type RuntimeTensor,
  type RuntimeValue,
} from '../../src/verify/runtime.ts';
import { errorOf } from '../helpers/error-of.ts';

const TYPES: readonly RuntimeDataType[] = [
  'float32',
  'float64',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
];

function make(
  dataType: RuntimeDataType,
  shape: RuntimeValue['shape'],
  regime: InputRegime,
  also: { readonly seed?: number; readonly name?: string } = {},
): RuntimeTensor {
  const { seed = 1, name = 'x' } = also;
  const tensor = makeFeeds([{ name, dataType, shape }], { seed, regime }).get(name);
  if (tensor === undefined) throw new Error('not fed');
  return tensor;
}

function numbers(tensor: RuntimeTensor): number[] {
  if (tensor.dataType === 'float16') return Array.from(tensor.data, fromFloat16);
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

function moments(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

describe('makeFeeds', () => {
  it('makes what fits, of every type, in every regime', () => {
    const inputs: RuntimeValue[] = TYPES.flatMap((dataType) => [
      { name: `${dataType}/image`, dataType, shape: ['N', 3, 16, 16] },
      { name: `${dataType}/list`, dataType, shape: ['N', 8] },
      { name: `${dataType}/scalar`, dataType, shape: undefined },
      { name: `${dataType}/empty`, dataType, shape: [0, 3] },
    ]);
    for (const regime of INPUT_REGIMES) {
      const feeds = makeFeeds(inputs, { seed: 1, regime });
      expect(() => checkFeeds(inputs, feeds)).not.toThrow();
      for (const [name, tensor] of feeds) {
        if (tensor.dataType !== 'string')
          expect(numbers(tensor).every(Number.isFinite), `${name} ${regime}`).toBe(true);
      }
    }
  });

  it('makes the same bits from the same seed, everywhere', () => {
    const image = make('float32', ['N', 3, 32, 40], 'normal');
    const hash = createHash('sha256')
      .update(new Uint8Array((image.data as Float32Array).buffer))
      .digest('hex');
    expect(hash).toMatchInlineSnapshot(`"69e7f7e9da6a361540d4a729aa3a269654084383f3ac3ee83e85a2d8f76ab1be"`);
    expect(make('float32', ['N', 3, 32, 40], 'normal')).toEqual(image);
    expect(make('float32', ['N', 3, 32, 40], 'normal', { seed: 2 })).not.toEqual(image);
    expect(make('float32', ['N', 3, 32, 40], 'normal', { name: 'y' })).not.toEqual(image);
  });

  it('makes the same input whatever other inputs there are', () => {
    const x: RuntimeValue = { name: 'x', dataType: 'float32', shape: [4] };
    const y: RuntimeValue = { name: 'y', dataType: 'float32', shape: [9] };
    const options = { seed: 3, regime: 'unit' } as const;
    expect(makeFeeds([y, x], options).get('x')).toEqual(makeFeeds([x], options).get('x'));
  });

  it.each<[InputRegime, number, number]>([
    ['normal', 0, 1],
    ['unit', 1 / 2, 1 / Math.sqrt(12)],
    ['byte', 127.5, 256 / Math.sqrt(12)],
    ['zeros', 0, 0],
  ])('spreads the numbers of %s as it says', (regime, mean, deviation) => {
    for (const dataType of ['float32', 'float64', 'float16'] as const) {
      const measured = moments(numbers(make(dataType, [100, 200], regime)));
      expect(Math.abs(measured.mean - mean)).toBeLessThanOrEqual(deviation / 30);
      expect(Math.abs(measured.deviation - deviation)).toBeLessThanOrEqual(deviation / 30);
    }
  });

  it('keeps to the ranges, in images as well', () => {
    for (const shape of [[1, 3, 24, 24], [5000]]) {
      const unit = numbers(make('float32', shape, 'unit'));
      expect(unit.every((value) => value >= 0 && value < 1)).toBe(true);
      const byte = numbers(make('float32', shape, 'byte'));
      expect(byte.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).toBe(true);
      expect(new Set(byte).size).toBeGreaterThan(50);
    }
  });

  it.each<[string, readonly number[], (channel: number, pixel: number) => number]>([
    ['first', [1, 3, 64, 48], (channel, pixel) => channel * 64 * 48 + pixel],
    ['last', [1, 64, 48, 3], (channel, pixel) => pixel * 3 + channel],
  ])('gives images structure, channels %s', (_, shape, at) => {
    const values = numbers(make('float32', shape, 'normal'));
    const pixels = 64 * 48;
    for (const channel of [0, 1, 2]) {
      const plane = Array.from({ length: pixels }, (__, pixel) => values[at(channel, pixel)] ?? Number.NaN);
      const whole = moments(plane);
      expect(Math.abs(whole.mean)).toBeLessThan(0.5);
      expect(Math.abs(whole.deviation - 1)).toBeLessThan(0.3);
      // Means of 8 x 8 patches differ as those of white noise (0.125) never would.
      const patches = Array.from({ length: 48 }, (__, patch) => {
        const [row, column] = [Math.floor(patch / 6) * 8, (patch % 6) * 8];
        const within = Array.from({ length: 64 }, (___, i) => (row + (i >> 3)) * 48 + column + (i & 7));
        return moments(within.map((pixel) => plane[pixel] ?? Number.NaN)).mean;
      });
      expect(moments(patches).deviation).toBeGreaterThan(0.4);
    }
    // And no two channels are alike.
    expect(values[at(0, 0)]).not.toBe(values[at(1, 0)]);
  });

  it('takes no other tensor for an image', () => {
    for (const shape of [
      [1, 64, 32, 32],
      [1, 3, 4, 4],
    ]) {
      const values = numbers(make('float32', shape, 'unit'));
      expect(Math.abs(moments(values).deviation - 1 / Math.sqrt(12))).toBeLessThan(0.04);
    }
  });

  it('makes small indices, whole bytes, both bools and short strings', () => {
    for (const dataType of ['int16', 'int32', 'int64', 'uint16', 'uint32', 'uint64'] as const) {
      const ids = new Set(numbers(make(dataType, [1000], 'normal')));
      expect([...ids].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    const bytes = numbers(make('uint8', [5000], 'normal'));
    expect([Math.min(...bytes), Math.max(...bytes)]).toEqual([0, 255]);
    const signed = numbers(make('int8', [5000], 'normal'));
    expect(signed).toEqual(bytes.map((byte) => byte - 128));
    expect(new Set(numbers(make('bool', [100], 'normal')))).toEqual(new Set([0, 1]));
    expect(make('string', [3], 'normal').data).toEqual([
      expect.stringMatching(/^[a-j]$/),
      expect.stringMatching(/^[a-j]$/),
      expect.stringMatching(/^[a-j]$/),
    ]);
    expect(make('string', [1], 'zeros').data).toEqual(['']);
    expect(numbers(make('int8', [3], 'zeros'))).toEqual([0, 0, 0]);
  });

  it('masks nothing, and knows segments by their name', () => {
    expect(numbers(make('int64', [4], 'normal', { name: 'attention_mask' }))).toEqual([1, 1, 1, 1]);
    expect(numbers(make('int64', [4], 'normal', { name: 'token_type_ids' }))).toEqual([0, 0, 0, 0]);
  });

  it('takes the shapes that it is given', () => {
    const inputs: RuntimeValue[] = [{ name: 'x', dataType: 'float32', shape: ['N', 3, 'H', 'W'] }];
    const shapes = new Map([['x', [2, 3, 8, 8]]]);
    expect(makeFeeds(inputs, { seed: 1, regime: 'unit', shapes }).get('x')?.dims).toEqual([2, 3, 8, 8]);
    expect(makeFeeds(inputs, { seed: 1, regime: 'unit', defaultSpatial: 32 }).get('x')?.dims).toEqual([
      1, 3, 32, 32,
    ]);
  });

  it('refuses what cannot be fed', async () => {
    const inputs: RuntimeValue[] = [{ name: 's', dataType: undefined, shape: undefined }];
    const error = await errorOf(() => makeFeeds(inputs, { seed: 1, regime: 'unit' }));
    expect(error).toMatchObject({
      code: 'verify/invalid-input',
      message: 'input "s" is of a type that cannot be fed: only tensors of whole bytes can',
    });
  });

  it('keeps uniform images below 1 whatever the seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const values = numbers(make('float32', [1, 1, 9, 11], 'unit', { seed }));
        return values.every((value) => value >= 0 && value < 1);
      }),
    );
  });
});
