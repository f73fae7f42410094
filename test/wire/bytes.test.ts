import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src/wire/bytes.ts';

/** Bytes at some offset of a larger buffer: nobody promises that what is compared begins at a whole word. */
function placed(bytes: Uint8Array, offset: number): Uint8Array {
  const buffer = new Uint8Array(offset + bytes.length + 3).fill(0xaa);
  buffer.set(bytes, offset);
  return buffer.subarray(offset, offset + bytes.length);
}

/** Lengths around a word, around what is compared byte by byte, and around a block of words. */
const lengths = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 65_500, max: 65_600 }),
  fc.integer({ min: 131_000, max: 131_200 }),
);
const offsets = fc.integer({ min: 0, max: 15 });

/** Numbers of all bytes, among them those that are no floating-point number. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (Math.imul(at + seed, 0x9e3779b1) >>> 11) & 0xff);
}

describe('bytes', () => {
  it('are equal wherever they begin', () => {
    fc.assert(
      fc.property(lengths, offsets, offsets, fc.nat(), (length, a, b, seed) => {
        const bytes = pattern(length, seed);
        expect(equalBytes(placed(bytes, a), placed(bytes, b))).toBe(true);
      }),
    );
  });

  it('are not where one bit differs, whichever it is', () => {
    fc.assert(
      fc.property(lengths, offsets, offsets, fc.nat(), fc.nat(), (length, a, b, seed, where) => {
        fc.pre(length > 0);
        const bytes = pattern(length, seed);
        const other = bytes.slice();
        const bit = where % (8 * length);
        other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(equalBytes(placed(bytes, a), placed(other, b))).toBe(false);
      }),
    );
  });

  it('are not where one is longer', () => {
    expect(equalBytes(pattern(100, 1), pattern(101, 1))).toBe(false);
    expect(equalBytes(new Uint8Array(0), new Uint8Array(1))).toBe(false);
    expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  });

  it('are not told equal by floating-point numbers that are', () => {
    const zeros = new Uint8Array(new Float64Array(32).buffer);
    expect(equalBytes(zeros, new Uint8Array(new Float64Array(32).fill(-0).buffer))).toBe(false);
    const [quiet, other] = [zeros.slice().fill(0xff), zeros.slice().fill(0xff)];
    expect(equalBytes(quiet, other)).toBe(true);
    other[8] = 0xfe;
    expect(equalBytes(quiet, other)).toBe(false);
  });

  it('are joined in order', () => {
    expect([...concatBytes([Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)])]).toEqual([1, 2, 3]);
  });
});
