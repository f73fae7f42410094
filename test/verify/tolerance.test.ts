import { describe, expect, it } from 'vitest';
import { compareTensors } from '../../src/verify/metrics.ts';
import type { RuntimeTensor } from '../../src/verify/runtime.ts';
import {
  FLOOR_ULPS,
  MAX_RMS_FRACTION,
  MAX_RMS_FRACTION_FLOAT16,
  toleranceFor,
  YARDSTICK_FACTOR,
  yardstickOf,
} from '../../src/verify/tolerance.ts';

describe('toleranceFor', () => {
  const request = { yardstick: 0, dataType: 'float32', rms: 1, scale: 4 } as const;

  it('is four times what the original differs from itself by', () => {
    expect(YARDSTICK_FACTOR).toBe(4);
    expect(toleranceFor({ ...request, yardstick: 1e-3 })).toEqual({
      status: 'checked',
      value: 4e-3,
      basis: 'yardstick',
    });
  });

  it('is some ULPs of the largest value where that is more', () => {
    const floor = (FLOOR_ULPS.float32 ?? 0) * 2 ** -23 * 4;
    expect(toleranceFor(request)).toEqual({ status: 'checked', value: floor, basis: 'floor' });
    expect(toleranceFor({ ...request, yardstick: floor / 5 })).toMatchObject({ value: floor });
    expect(toleranceFor({ ...request, dataType: 'float64' })).toMatchObject({ value: 64 * 2 ** -52 * 4 });
    expect(toleranceFor({ ...request, dataType: 'float16' })).toMatchObject({ value: 2 * 2 ** -10 * 4 });
  });

  it('is nothing where nothing rounds', () => {
    for (const dataType of ['int64', 'uint8', 'bool', 'string'] as const)
      expect(toleranceFor({ ...request, dataType })).toEqual({ status: 'checked', value: 0, basis: 'exact' });
    // An output that is 0 throughout stays that.
    expect(toleranceFor({ ...request, rms: 0, scale: 0 })).toMatchObject({ status: 'checked', value: 0 });
  });

  it('checks nothing where the noise is as large as a fault would be', () => {
    const cap = MAX_RMS_FRACTION * request.rms;
    expect(toleranceFor({ ...request, yardstick: cap / 4 })).toMatchObject({ status: 'checked', value: cap });
    expect(toleranceFor({ ...request, yardstick: cap / 3.99 })).toEqual({
      status: 'unchecked',
      reason: expect.stringContaining('the original differs from itself by 0.00251'),
    });
    const half = { ...request, dataType: 'float16' } as const;
    expect(toleranceFor({ ...half, yardstick: MAX_RMS_FRACTION_FLOAT16 / 4 }).status).toBe('checked');
    expect(toleranceFor({ ...half, yardstick: MAX_RMS_FRACTION_FLOAT16 / 3.99 }).status).toBe('unchecked');
    // A class index that the original itself does not keep.
    expect(toleranceFor({ ...request, dataType: 'int64', rms: 300, yardstick: 7 }).status).toBe('unchecked');
    expect(toleranceFor({ ...request, rms: 0, scale: 0, yardstick: 1e-9 }).status).toBe('unchecked');
  });

  it('checks nothing where one value stands so far out that its rounding hides the others', () => {
    expect(toleranceFor({ ...half(), rms: 0.001, scale: 1 })).toEqual({
      status: 'unchecked',
      reason: expect.stringContaining('rounding alone may move its largest value, 1, by 0.00195'),
    });
    // The surest of a thousand classes, the others at 0, is still checked.
    expect(toleranceFor({ ...half(), rms: Math.sqrt(1 / 1000), scale: 1 }).status).toBe('checked');

    function half(): { yardstick: number; dataType: 'float16' } {
      return { yardstick: 0, dataType: 'float16' };
    }
  });

  it('checks nothing where the original is not finite from run to run', () => {
    for (const yardstick of [Number.POSITIVE_INFINITY, Number.NaN])
      expect(toleranceFor({ ...request, yardstick })).toEqual({
        status: 'unchecked',
        reason: 'the original itself is NaN or infinite in different places from run to run',
      });
  });
});

describe('yardstickOf', () => {
  const float32 = (...data: number[]): RuntimeTensor => ({
    dataType: 'float32',
    dims: [data.length],
    data: Float32Array.from(data),
  });
  const yardstick = (before: RuntimeTensor, after: RuntimeTensor): number =>
    yardstickOf(compareTensors(before, after));

  it('is the largest difference, or infinite where there is none to speak of', () => {
    expect(yardstick(float32(1, 2), float32(1, 1.5))).toBe(0.5);
    expect(yardstick(float32(1, Number.NaN), float32(1, Number.NaN))).toBe(0);
    expect(yardstick(float32(1, 2), float32(1, Number.NaN))).toBe(Number.POSITIVE_INFINITY);
    expect(yardstick(float32(1), float32(1, 2))).toBe(Number.POSITIVE_INFINITY);
  });

  it('lets rounding pass and a wrong value not', () => {
    const before = float32(1, 0.5, 0.25);
    const compared = compareTensors(before, float32(1 + 2 ** -20, 0.5, 0.25));
    const wrong = compareTensors(before, float32(1 + 2 ** -10, 0.5, 0.25));
    if (compared.status !== 'compared' || wrong.status !== 'compared') throw new Error('incomparable');
    const { rms, peak } = compared;
    const tolerance = toleranceFor({ yardstick: 0, dataType: 'float32', rms, scale: peak });
    if (tolerance.status !== 'checked') throw new Error(tolerance.reason);
    expect(compared.maxAbs).toBeLessThanOrEqual(tolerance.value);
    expect(wrong.maxAbs).toBeGreaterThan(tolerance.value);
  });
});
