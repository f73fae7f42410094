import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { naturalLog, type RandomStream, randomStream } from '../../src/blocks/random.ts';

/** Critical values for one test in a thousand. The streams are fixed: these tests give the same result each time. */
const KOLMOGOROV_CRITICAL = 1.95;
const CHI_SQUARE_63_CRITICAL = 103.4;

function take(count: number, draw: () => number): number[] {
  return Array.from({ length: count }, draw);
}

/** The generator as its authors write it, in arithmetic that cannot overflow. */
function* referenceGenerator(seed: readonly bigint[]): Generator<number, never> {
  const mask = 0xffffffffn;
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & mask;
  const s = [...seed] as [bigint, bigint, bigint, bigint];
  for (;;) {
    yield Number((rotate((s[1] * 5n) & mask, 7n) * 9n) & mask);
    const t = (s[1] << 9n) & mask;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11n);
  }
}

/** FNV-1a and MurmurHash3's finalizer. */
function referenceHash(text: string): bigint {
  const mask = 0xffffffffn;
  let hash = 0x811c9dc5n;
  for (const character of text) hash = ((hash ^ BigInt(character.charCodeAt(0))) * 0x01000193n) & mask;
  hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & mask;
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & mask;
  return hash ^ (hash >> 16n);
}

/** The Kolmogorov-Smirnov statistic, times the root of the sample's size. */
function kolmogorov(sample: readonly number[], distribution: (x: number) => number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  const n = sorted.length;
  const distances = sorted.map((x, at) => {
    const expected = distribution(x);
    return Math.max(expected - at / n, (at + 1) / n - expected);
  });
  return Math.max(...distances) * Math.sqrt(n);
}

/** The standard normal distribution to 1e-7 (Abramowitz and Stegun 26.2.17). */
function normalDistribution(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const polynomial =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return x >= 0 ? 1 - tail : tail;
}

function chiSquare(sample: readonly number[], bins: number): number {
  const counts = new Array<number>(bins).fill(0);
  for (const x of sample) {
    const bin = Math.floor(x * bins);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const expected = sample.length / bins;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (list: readonly number[]): number => list.reduce((sum, x) => sum + x, 0) / list.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const product = (x: readonly number[], y: readonly number[], mx: number, my: number): number =>
    x.reduce((sum, value, at) => sum + (value - mx) * ((y[at] ?? 0) - my), 0);
  return product(a, b, meanA, meanB) / Math.sqrt(product(a, a, meanA, meanA) * product(b, b, meanB, meanB));
}

describe('randomStream', () => {
  it('is xoshiro128** of the hashed seed and label', () => {
    // The first numbers that the authors' code gives for the state 1, 2, 3, 4.
    const published = referenceGenerator([1n, 2n, 3n, 4n]);
    expect(take(6, () => published.next().value)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492,
    ]);
    for (const [seed, label] of [
      [0, '2_1/reduce.weight'],
      [-3, 'é'],
      [123456789, ''],
    ] as const) {
      const reference = referenceGenerator(
        [0, 1, 2, 3].map((word) => referenceHash(`${word}/${seed}/${label}`)),
      );
      const stream = randomStream(seed, label);
      const numbers = take(1000, () => stream.uniform());
      expect(numbers).toEqual(take(1000, () => Math.floor(reference.next().value / 256) / 2 ** 24));
    }
  });

  it('gives the numbers that it always gave', () => {
    const uniform = randomStream(0, '2_1/reduce.weight');
    expect(take(4, () => uniform.uniform())).toMatchInlineSnapshot(`
      [
        0.7249029278755188,
        0.25222963094711304,
        0.06440526247024536,
        0.764451801776886,
      ]
    `);
    const normal = randomStream(0, '2_1/reduce.weight');
    expect(take(4, () => normal.normal())).toMatchInlineSnapshot(`
      [
        0.8518690111535945,
        -0.9384842070103411,
        0.5811032686882985,
        -0.37175601886772264,
      ]
    `);
  });

  it('is uniform in [0, 1)', () => {
    const stream = randomStream(1, 'uniform');
    const sample = take(64_000, () => stream.uniform());
    expect(Math.min(...sample.slice(0, 10_000))).toBeGreaterThanOrEqual(0);
    expect(sample.every((x) => x >= 0 && x < 1 && Number.isInteger(x * 2 ** 24))).toBe(true);
    expect(kolmogorov(sample, (x) => x)).toBeLessThan(KOLMOGOROV_CRITICAL);
    expect(chiSquare(sample, 64)).toBeLessThan(CHI_SQUARE_63_CRITICAL);
    // Both would see a generator that is slightly off.
    const off = sample.map((x) => x ** 1.05);
    expect(kolmogorov(off, (x) => x)).toBeGreaterThan(KOLMOGOROV_CRITICAL);
    expect(chiSquare(off, 64)).toBeGreaterThan(CHI_SQUARE_63_CRITICAL);
  });

  it('is normal', () => {
    const stream = randomStream(1, 'normal');
    const sample = take(64_000, () => stream.normal());
    const moment = (power: number): number => sample.reduce((sum, x) => sum + x ** power, 0) / sample.length;
    // Four standard errors of each moment.
    const error = 4 / Math.sqrt(sample.length);
    expect(Math.abs(moment(1))).toBeLessThan(error);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(error * Math.sqrt(2));
    expect(Math.abs(moment(3))).toBeLessThan(error * Math.sqrt(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(error * Math.sqrt(96));
    expect(kolmogorov(sample, normalDistribution)).toBeLessThan(KOLMOGOROV_CRITICAL);
    expect(
      kolmogorov(
        sample.map((x) => x * 1.05),
        normalDistribution,
      ),
    ).toBeGreaterThan(KOLMOGOROV_CRITICAL);
  });

  it('gives streams that have nothing to do with each other', () => {
    const streams = [
      randomStream(0, '2_1/reduce.weight'),
      randomStream(0, '2_2/reduce.weight'),
      randomStream(0, '2_1/expand.weight'),
      randomStream(1, '2_1/reduce.weight'),
      randomStream(0, '2_1/reduce.weight '),
    ].map((stream: RandomStream) => take(20_000, () => stream.uniform()));
    for (const [at, a] of streams.entries()) {
      for (const b of streams.slice(at + 1)) {
        expect(Math.abs(correlation(a, b))).toBeLessThan(4 / Math.sqrt(20_000));
        expect(Math.abs(correlation(a.slice(1), b.slice(0, -1)))).toBeLessThan(4 / Math.sqrt(20_000));
      }
      expect(Math.abs(correlation(a.slice(1), a.slice(0, -1)))).toBeLessThan(4 / Math.sqrt(20_000));
    }
  });

  it('does not care what another stream has given', () => {
    const alone = randomStream(5, 'a');
    const expected = take(10, () => alone.normal());
    const [a, b] = [randomStream(5, 'a'), randomStream(5, 'b')];
    expect(
      take(10, () => {
        b.normal();
        return a.normal();
      }),
    ).toEqual(expected);
  });
});

describe('naturalLog', () => {
  it('agrees with Math.log to 1e-15', () => {
    const numbers = [
      ...take(2000, () => 0).map((_, at) => 10 ** ((at - 1000) * 0.3)),
      ...take(2000, () => 0).map((_, at) => (at + 1) / 2000),
      ...[
        2 ** -47,
        0.5,
        Math.SQRT1_2,
        1 - 2 ** -53,
        1,
        1 + 2 ** -52,
        Math.SQRT2,
        2,
        Math.E,
        Number.MIN_VALUE,
      ],
    ];
    for (const x of numbers) {
      const expected = Math.log(x);
      expect(Math.abs(naturalLog(x) - expected), String(x)).toBeLessThanOrEqual(1e-15 * Math.abs(expected));
    }
  });
});

describe('filling an array', () => {
  it.each([1, 2, 5, 1023, 1024, 1025, 5001])(
    'gives what %i single calls give, and goes on as they do',
    (length) => {
      const [filled, single] = [randomStream(3, 'x'), randomStream(3, 'x')];
      const out = new Float64Array(length);
      filled.fillUniform(out, 0.3);
      expect(out.every((x) => x === (2 * single.uniform() - 1) * 0.3)).toBe(true);
      for (const _round of [1, 2]) {
        filled.fillNormal(out, 0.7);
        expect(out.every((x) => x === single.normal() * 0.7)).toBe(true);
      }
      expect([filled.normal(), filled.uniform()]).toEqual([single.normal(), single.uniform()]);
    },
  );

  it.each([
    ['uniform', '74041f546826aec7dac577e44004e1c22f0b5f04ffea7a5e0f36fa963aa8715c'],
    ['normal', '34820d15d8235b8fa9891e4b3d93f663d7a2a930751900e73571c255663f3b58'],
  ] as const)(
    'has %s numbers that never change: models that were made once can be made again',
    (kind, digest) => {
      const stream = randomStream(7, 'frozen');
      const numbers = Float64Array.from({ length: 1000 }, () => stream[kind]());
      expect(createHash('sha256').update(numbers).digest('hex')).toBe(digest);
    },
  );
});
