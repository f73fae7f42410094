import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFloat16, toFloat16 } from '../../src/onnx/half.ts';
import { type ComparedTensors, compareTensors } from '../../src/verify/metrics.ts';
import type { RuntimeTensor } from '../../src/verify/runtime.ts';

const { NaN: NAN, POSITIVE_INFINITY: INF } = Number;

function float32(data: readonly number[], dims: readonly number[] = [data.length]): RuntimeTensor {
  return { dataType: 'float32', dims, data: Float32Array.from(data) };
}

function float64(data: readonly number[]): RuntimeTensor {
  return { dataType: 'float64', dims: [data.length], data: Float64Array.from(data) };
}

function float16(data: readonly number[]): RuntimeTensor {
  return { dataType: 'float16', dims: [data.length], data: Uint16Array.from(data, toFloat16) };
}

function compared(before: RuntimeTensor, after: RuntimeTensor): ComparedTensors {
  const result = compareTensors(before, after);
  if (result.status !== 'compared') throw new Error(result.detail);
  return result;
}

describe('compareTensors', () => {
  it('measures what it says', () => {
    expect(compared(float32([1, -2, 0, 4]), float32([1, -2.5, 0, 2]))).toEqual({
      status: 'compared',
      count: 4,
      finite: 4,
      informative: true,
      maxAbs: 2,
      maxRel: 0.5,
      meanAbs: 0.625,
      rmse: Math.sqrt(4.25 / 4),
      cosine: 14 / (Math.sqrt(21) * Math.sqrt(11.25)),
      snrDb: 10 * Math.log10(21 / 4.25),
      bitExact: false,
      differing: 2,
      signedZeros: 0,
      firstDifference: { index: 1, before: -2, after: -2.5 },
      argmaxAgreement: null,
      nonFinite: { sameNaN: 0, sameInfinity: 0, onlyBefore: 0, onlyAfter: 0, unlike: 0, mismatches: 0 },
      rms: Math.sqrt(21 / 4),
      peak: 4,
      smallestTolerance: { atol: 2, rtol: 0.5 },
    });
  });

  it('calls equal tensors bit-exact, at no distance', () => {
    const tensor = float32([1, -0, 3e-45, 3e38]);
    expect(compared(tensor, float32([1, -0, 3e-45, 3e38]))).toMatchObject({
      bitExact: true,
      differing: 0,
      firstDifference: null,
      maxAbs: 0,
      rmse: 0,
      cosine: 1,
      snrDb: null,
      smallestTolerance: { atol: 0, rtol: 0 },
    });
  });

  it('tells 0 from -0 by bits and not by distance', () => {
    for (const make of [float16, float32, float64]) {
      expect(compared(make([0, -0, 1]), make([0, 0, 1]))).toMatchObject({
        bitExact: false,
        differing: 1,
        signedZeros: 1,
        maxAbs: 0,
        firstDifference: { index: 1, before: -0, after: 0 },
      });
    }
  });

  it('takes NaN for NaN whatever its payload, and the same infinity for the same', () => {
    const before: RuntimeTensor = {
      dataType: 'float16',
      dims: [3],
      data: Uint16Array.of(0x7e00, 0x7c00, 0x3c00),
    };
    const after: RuntimeTensor = {
      dataType: 'float16',
      dims: [3],
      data: Uint16Array.of(0xfe01, 0x7c00, 0x3c00),
    };
    expect(compared(before, after)).toMatchObject({
      bitExact: true,
      informative: true,
      finite: 1,
      nonFinite: { sameNaN: 1, sameInfinity: 1, mismatches: 0 },
    });
  });

  it.each<[string, number, number, string]>([
    ['NaN that was a number', 1, NAN, 'onlyAfter'],
    ['an infinity that was a number', 1, INF, 'onlyAfter'],
    ['a number that was NaN', NAN, 1, 'onlyBefore'],
    ['NaN that was an infinity', INF, NAN, 'unlike'],
    ['an infinity of the other sign', INF, -INF, 'unlike'],
  ])('counts %s apart from the distances', (_, before, after, kind) => {
    for (const make of [float16, float32, float64]) {
      const result = compared(make([2, before, 2]), make([2, after, 2]));
      expect(result).toMatchObject({
        bitExact: false,
        differing: 1,
        finite: 2,
        maxAbs: 0,
        rms: 2,
        cosine: 1,
        firstDifference: { index: 1, before, after },
        smallestTolerance: { atol: null, rtol: null },
      });
      expect(result.nonFinite).toEqual({
        sameNaN: 0,
        sameInfinity: 0,
        onlyBefore: 0,
        onlyAfter: 0,
        unlike: 0,
        mismatches: 1,
        [kind]: 1,
      });
    }
  });

  it('learns nothing from what is all NaN, or empty', () => {
    for (const tensor of [float32([NAN, NAN]), float32([], [0, 3]), float32([INF])]) {
      expect(compared(tensor, tensor)).toMatchObject({
        bitExact: true,
        informative: false,
        finite: 0,
        maxAbs: 0,
        meanAbs: 0,
        rms: 0,
        cosine: null,
        argmaxAgreement: null,
      });
    }
  });

  it('finds a difference far into a tensor', () => {
    const before = new Array<number>(9000).fill(1);
    const after = before.with(5000, 2).with(8000, 3);
    expect(compared(float32(before), float32(after))).toMatchObject({
      differing: 2,
      firstDifference: { index: 5000, before: 1, after: 2 },
      maxAbs: 2,
    });
  });

  it('has a relative tolerance for everything but what was 0', () => {
    expect(compared(float32([0, 1]), float32([1e-30, 1]))).toMatchObject({
      maxRel: 1,
      smallestTolerance: { rtol: null },
    });
  });

  it('keeps the squares of float64 in range', () => {
    for (const unit of [1e-300, 1e300]) {
      const result = compared(float64([3 * unit, 4 * unit]), float64([3 * unit, -4 * unit]));
      expect(result.rms / unit).toBeCloseTo(Math.sqrt(12.5), 10);
      expect(result.rmse / unit).toBeCloseTo(Math.sqrt(32), 10);
      expect(result.cosine).toBeCloseTo(-7 / 25, 10);
      expect(result.snrDb).toBeCloseTo(10 * Math.log10(25 / 64), 10);
    }
    // The difference of the two is beyond float64 and their ratio is not.
    expect(compared(float64([1.7e308]), float64([-1.7e308]))).toMatchObject({
      maxAbs: INF,
      maxRel: 2,
      snrDb: 10 * Math.log10(0.25),
      nonFinite: { mismatches: 0 },
    });
  });

  it('sees a difference of 1 between 64-bit integers that float64 cannot tell apart', () => {
    const far = 2n ** 60n;
    const int64 = (...data: bigint[]): RuntimeTensor => ({
      dataType: 'int64',
      dims: [data.length],
      data: BigInt64Array.from(data),
    });
    expect(compared(int64(5n, far), int64(5n, far + 1n))).toMatchObject({
      maxAbs: 1,
      bitExact: false,
      firstDifference: { index: 1, before: String(far), after: String(far + 1n) },
    });
    expect(compared(int64(-1n), int64(1n))).toMatchObject({ maxAbs: 2, rms: 1 });
    expect(compared(int64(-(2n ** 63n)), int64(2n ** 63n - 1n)).maxAbs).toBe(2 ** 64);
    const uint64 = (value: bigint): RuntimeTensor => ({
      dataType: 'uint64',
      dims: [],
      data: BigUint64Array.of(value),
    });
    expect(compared(uint64(0n), uint64(2n ** 64n - 1n))).toMatchObject({ maxAbs: 2 ** 64, rms: 0 });
    expect(compared(int64(), int64()).informative).toBe(false);
  });

  it('compares bools as 0 and 1, and strings as equal or not', () => {
    const bools = (...data: number[]): RuntimeTensor => ({
      dataType: 'bool',
      dims: [2],
      data: Uint8Array.from(data),
    });
    expect(compared(bools(0, 1), bools(1, 1))).toMatchObject({ maxAbs: 1, differing: 1 });
    const strings = (...data: string[]): RuntimeTensor => ({ dataType: 'string', dims: [1, 2], data });
    expect(compared(strings('a', 'b'), strings('a', 'c'))).toMatchObject({
      maxAbs: 1,
      differing: 1,
      bitExact: false,
      cosine: null,
      argmaxAgreement: null,
      firstDifference: { index: 1, before: 'b', after: 'c' },
    });
    expect(compared(strings('a', 'b'), strings('a', 'b')).bitExact).toBe(true);
  });

  it.each<[string, RuntimeTensor, RuntimeTensor, string, string]>([
    ['another type', float32([1]), float64([1]), 'data-type', 'float32 before, float64 after'],
    ['another shape', float32([1, 2], [1, 2]), float32([1, 2]), 'shape', 'shape [1, 2] before, [2] after'],
    [
      'data that do not fill it',
      float32([1], [1]),
      float32([1, 2], [1]),
      'length',
      '2 values for shape [1] after',
    ],
  ])('does not compare %s', (_, before, after, reason, detail) => {
    expect(compareTensors(before, after)).toEqual({ status: 'incomparable', reason, detail });
  });

  it('agrees with a plain computation, on tensors longer than a chunk too', () => {
    const element = fc.oneof(
      fc.float({ noNaN: true, min: -1e3, max: 1e3 }),
      fc.constantFrom(0, -0, NAN, INF, -INF),
    );
    const change = fc.oneof(fc.constant(1), fc.constant(1), fc.double({ min: 0.9, max: 1.1, noNaN: true }));
    const list = fc.array(fc.tuple(element, change), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(list, fc.constantFrom(1, 300), (pairs, repeats) => {
        const many = Array.from({ length: repeats }, () => pairs).flat();
        const before = Float32Array.from(many, ([value]) => value);
        const after = Float32Array.from(many, ([value, factor]) => value * factor);
        const result = compared(float32([...before]), float32([...after]));
        const finite = [...before.keys()].filter(
          (i) => Number.isFinite(before[i]) && Number.isFinite(after[i]),
        );
        const distance = (i: number): number => Math.abs((after[i] ?? 0) - (before[i] ?? 0));
        const sum = (of: (i: number) => number): number => finite.reduce((total, i) => total + of(i), 0);
        const unlike = [...before.keys()].filter((i) => !Object.is(before[i], after[i]));
        expect(result.differing).toBe(unlike.length);
        expect(result.firstDifference?.index).toBe(unlike[0]);
        expect(result.bitExact).toBe(unlike.length === 0);
        expect(result.finite).toBe(finite.length);
        const { sameNaN, sameInfinity, mismatches } = result.nonFinite;
        expect(sameNaN + sameInfinity + mismatches).toBe(many.length - finite.length);
        expect(result.maxAbs).toBe(finite.reduce((most, i) => Math.max(most, distance(i)), 0));
        const close = (actual: number, expected: number): void =>
          expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-12 * Math.abs(expected));
        const size = Math.max(finite.length, 1);
        close(result.meanAbs, sum(distance) / size);
        close(result.rmse, Math.sqrt(sum((i) => distance(i) ** 2) / size));
        close(result.rms, Math.sqrt(sum((i) => (before[i] ?? 0) ** 2) / size));
      }),
    );
  });

  it('gives tolerances that pass, and less of which does not', () => {
    const values = fc.array(
      fc.tuple(
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.float({ noNaN: true, noDefaultInfinity: true }),
      ),
      {
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(values, (pairs) => {
        const { smallestTolerance } = compared(
          float32(pairs.map(([a]) => a)),
          float32(pairs.map(([, b]) => b)),
        );
        const { atol, rtol } = smallestTolerance;
        const passes = (absolute: number, relative: number): boolean =>
          pairs.every(([a, b]) => Math.abs(b - a) <= absolute + relative * Math.abs(a));
        expect(passes(atol ?? NAN, 0)).toBe(true);
        if (atol !== 0) expect(passes((atol ?? 0) * (1 - 2 ** -52), 0)).toBe(false);
        if (rtol === null) expect(pairs.some(([a, b]) => a === 0 && b !== 0)).toBe(true);
        else expect(passes(0, rtol)).toBe(true);
        if (rtol !== null && rtol !== 0) expect(passes(0, rtol * (1 - 2 ** -50))).toBe(false);
      }),
    );
  });

  it('finds any one bit of float16 that is flipped', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 2, maxLength: 64 }),
        fc.nat(),
        fc.nat(15),
        (bytes, place, bit) => {
          const before = new Uint16Array(bytes.slice(0, bytes.length & ~1).buffer);
          const at = place % before.length;
          const after = before.slice();
          after[at] = (after[at] ?? 0) ^ (1 << bit);
          const half = (data: Uint16Array): RuntimeTensor => ({
            dataType: 'float16',
            dims: [data.length],
            data,
          });
          const bothNaN =
            Number.isNaN(fromFloat16(before[at] ?? 0)) && Number.isNaN(fromFloat16(after[at] ?? 0));
          expect(compared(half(before), half(after)).bitExact).toBe(bothNaN);
        },
      ),
    );
  });
});

describe('argmaxAgreement', () => {
  const agreement = (
    dims: readonly number[],
    before: readonly number[],
    after: readonly number[],
  ): number | null => compared(float32(before, dims), float32(after, dims)).argmaxAgreement;

  it('compares the largest of each row', () => {
    expect(agreement([2, 3], [1, 3, 2, 9, 1, 1], [1, 2.5, 2, 0, 1, 2])).toBe(0.5);
    expect(agreement([1, 3], [1, 3, 2], [1, 3, 2])).toBe(1);
    // The first of equals; NaN before all else, as in NumPy.
    expect(agreement([1, 3], [5, 5, 0], [5, 4, 0])).toBe(1);
    expect(agreement([1, 3], [5, NAN, 9], [5, NAN, 8])).toBe(1);
    expect(agreement([1, 3], [5, NAN, 9], [5, 6, 9])).toBe(0);
  });

  it('compares the largest channel of each pixel', () => {
    // Two channels of 1 x 4 pixels; the second pixel changes sides.
    expect(agreement([1, 2, 1, 4], [1, 1, 1, 1, 0, 0, 2, 2], [1, 1, 1, 1, 0, 3, 2, 2])).toBe(0.75);
    expect(agreement([2, 2, 1, 1], [1, 0, 1, 0], [1, 0, 0, 1])).toBe(0.5);
    // Below 0, the first channel still counts.
    expect(agreement([1, 2, 1, 1], [-1, -2], [-2, -1])).toBe(0);
    expect(agreement([1, 2], [-1, -2], [-2, -1])).toBe(0);
  });

  it('has nothing to say of other shapes', () => {
    expect(agreement([2], [1, 2], [2, 1])).toBeNull();
    expect(agreement([2, 1], [1, 2], [2, 1])).toBeNull();
    expect(agreement([1, 1, 1, 2], [1, 2], [2, 1])).toBeNull();
    expect(agreement([1, 2, 1], [1, 2], [2, 1])).toBeNull();
    expect(agreement([0, 3], [], [])).toBeNull();
    expect(agreement([1, 2, 0, 4], [], [])).toBeNull();
  });

  it('reads rows and pixels that go on from one chunk to the next', () => {
    const size = 3000;
    const rising = Array.from({ length: 2 * size }, (_, i) => i);
    const topped = rising.map((value, i) => (i === 10 ? 1e6 : value));
    expect(agreement([2, size], rising, topped)).toBe(0.5);
    const first: readonly number[] = rising.map((_, i) => (i < size ? 1 : 0));
    const flipped = first.map((value, i) => (i === size + 2999 ? 2 : value));
    expect(agreement([1, 2, 1, size], first, flipped)).toBe((size - 1) / size);
    // What pixel 2998 of the second channel is compared with is pixel 2998 of the first, not one of another chunk.
    const high = first.with(2998 - 2048, 9);
    expect(agreement([1, 2, 1, size], high, high.with(size + 2998, 5))).toBe((size - 1) / size);
  });
});
