import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mcnemarExact, wilsonInterval } from '../../src/evaluate/statistics.ts';

describe('wilsonInterval', () => {
  // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('of %i in %i is what Newcombe prints', (successes, trials, low, high) => {
    const [from, to] = wilsonInterval(successes, trials);
    expect(from).toBeCloseTo(low, 4);
    expect(to).toBeCloseTo(high, 4);
  });

  it('knows nothing of no trials, and ends at 1 where all went well', () => {
    expect(wilsonInterval(0, 0)).toEqual([0, 1]);
    expect(wilsonInterval(20, 20)[1]).toBe(1);
    expect(wilsonInterval(20, 20)[0]).toBeCloseTo(1 - 0.1611, 4);
  });
});

describe('mcnemarExact', () => {
  // R's exact2x2, from its manual: matrix(c(794, 86, 150, 570)), Agresti's approval ratings.
  it('is what exact2x2 prints for the approval ratings', () => {
    expect(mcnemarExact(86, 150)).toBeCloseTo(3.716e-5, 8);
  });

  it('is what can be counted by hand', () => {
    expect(mcnemarExact(0, 0)).toBe(1);
    expect(mcnemarExact(5, 5)).toBe(1);
    expect(mcnemarExact(0, 5)).toBeCloseTo(2 / 32, 15);
    expect(mcnemarExact(1, 11)).toBeCloseTo((2 * 13) / 4096, 15);
    expect(mcnemarExact(11, 1)).toBe(mcnemarExact(1, 11));
    // (1 + 21 + 210) / 2^20
    expect(mcnemarExact(2, 19)).toBeCloseTo((2 * (1 + 21 + 210)) / 2 ** 21, 15);
  });

  it('agrees with whole numbers of any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400 }), (gained, lost) => {
        const exact = exactTail(Math.min(gained, lost), gained + lost);
        const found = mcnemarExact(gained, lost);
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(1e-11 * exact);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('does not underflow', () => {
    expect(mcnemarExact(2, 426)).toBeGreaterThan(1e-130);
    expect(mcnemarExact(2, 426)).toBeLessThan(1e-120);
    expect(mcnemarExact(49_000, 51_000)).toBeCloseTo(2.5e-10, 10);
  });
});

/** 2 * sum of C(n, k) up to `fewer`, over 2^n, in whole numbers until the last step. */
function exactTail(fewer: number, n: number): number {
  let [term, sum] = [1n, 0n];
  for (let k = 0n; k <= BigInt(fewer); k += 1n) {
    sum += term;
    term = (term * (BigInt(n) - k)) / (k + 1n);
  }
  const scaled = (2n * sum * 10n ** 300n) / 2n ** BigInt(n);
  return Math.min(1, Number(scaled) / 1e300);
}
