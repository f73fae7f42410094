import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../src/onnx/half.ts';

const ALL = Array.from({ length: 65536 }, (_, bits) => bits);

/** The number that bits stand for, from the definition of a binary float with so many exponent and fraction bits. */
function reference(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> fractionBits) & ((1 << exponentBits) - 1);
  const fraction = (bits & ((1 << fractionBits) - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === (1 << exponentBits) - 1)
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** The bits of the upper half of a float32: what a bfloat16 is. */
function upperHalf(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint16(0);
}

/** The nearest of the 32,768 magnitudes by search, ties to the even bits; infinity stands where the next power would. */
function nearest(value: number, decode: (bits: number) => number, infinity: number): number {
  const magnitude = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  let low = 0;
  let high = infinity;
  const at = (bits: number): number =>
    bits === infinity ? 2 * decode(infinity - 1) - decode(infinity - 2) : decode(bits);
  if (magnitude >= at(infinity)) return sign | infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (at(middle) <= magnitude) low = middle;
    else high = middle;
  }
  const [below, above] = [magnitude - at(low), at(high) - magnitude];
  if (below === above) return sign | (low % 2 === 0 ? low : high);
  return sign | (below < above ? low : high);
}

describe.each([
  { name: 'float16', from: fromFloat16, to: toFloat16, exponentBits: 5, fractionBits: 10, nan: 0x7e00 },
  { name: 'bfloat16', from: fromBfloat16, to: toBfloat16, exponentBits: 8, fractionBits: 7, nan: 0x7fc0 },
])('$name', ({ from, to, exponentBits, fractionBits, nan }) => {
  const infinity = ((1 << exponentBits) - 1) << fractionBits;

  it('reads all 65,536 as the definition has them', () => {
    const wrong = ALL.filter((bits) => !Object.is(from(bits), reference(bits, exponentBits, fractionBits)));
    expect(wrong).toEqual([]);
  });

  it('writes all 65,536 back, all NaN as one', () => {
    const wrong = ALL.filter((bits) => to(from(bits)) !== (Number.isNaN(from(bits)) ? nan : bits));
    expect(wrong).toEqual([]);
  });

  it('holds nothing that float32 does not', () => {
    expect(ALL.filter((bits) => !Object.is(Math.fround(from(bits)), from(bits)))).toEqual([]);
  });

  it('rounds to the nearest, ties to even, on both sides of every border', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < infinity; bits += 1) {
      const here = from(bits);
      const next = bits + 1 === infinity ? 2 * here - from(bits - 1) : from(bits + 1);
      const border = (here + next) / 2;
      const step = (next - here) / 2 ** 20;
      const expected = [bits, bits % 2 === 0 ? bits : bits + 1, bits + 1];
      for (const [at, value] of [border - step, border, border + step].entries()) {
        if (to(value) !== expected[at] || to(-value) !== (0x8000 | (expected[at] ?? 0))) wrong.push(bits);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('rounds any number as a search over all magnitudes does', () => {
    const numbers = fc.oneof(
      fc.double({ noNaN: true }),
      fc.double({ min: -70000, max: 70000, noNaN: true }),
      fc.double({ min: -1e-4, max: 1e-4, noNaN: true }),
      fc.double({ min: 3.3e38, max: 3.5e38, noNaN: true }),
    );
    fc.assert(
      fc.property(numbers, (value) => {
        expect(to(value)).toBe(nearest(value, from, infinity));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps signs of zero and infinity', () => {
    expect([0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN].map(to)).toEqual([
      0,
      0x8000,
      infinity,
      0x8000 | infinity,
      nan,
    ]);
  });
});

describe('bfloat16', () => {
  it('is the upper half of a float32', () => {
    const exact = ALL.filter((bits) => !Number.isNaN(fromBfloat16(bits)));
    expect(exact.filter((bits) => upperHalf(fromBfloat16(bits)) !== bits)).toEqual([]);
  });

  it('is rounded once: rounding to float32 first would give another number', () => {
    // Just above the border between two bfloat16, and on it after rounding to float32.
    const value = 1 + 2 ** -8 + 2 ** -40;
    expect(toBfloat16(value)).toBe(0x3f81);
    expect(toBfloat16(Math.fround(value))).toBe(0x3f80);
  });
});
