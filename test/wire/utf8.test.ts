import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, displayText, encodeUtf8 } from '../../src/wire/utf8.ts';

/** Bytes that are likely to be near-UTF-8: leads, continuations, and the borders of both. */
const TRICKY = [
  0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef,
];
const MORE = [0xf0, 0xf4, 0xf5, 0xff];
const nearUtf8 = fc
  .array(fc.oneof(fc.constantFrom(...TRICKY, ...MORE), fc.nat(255)), { maxLength: 12 })
  .map((bytes) => Uint8Array.from(bytes));

describe('decodeUtf8', () => {
  it('reads valid UTF-8 as every decoder does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const bytes = new TextEncoder().encode(text);
        expect(decodeUtf8(bytes)).toBe(text);
        expect(encodeUtf8(text)).toEqual(bytes);
      }),
    );
  });

  it('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.oneof(nearUtf8, fc.uint8Array()), (bytes) => {
        expect(encodeUtf8(decodeUtf8(bytes))).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives back every sequence of two bytes, each a string of its own', () => {
    const seen = new Set<string>();
    for (let pair = 0; pair < 65536; pair += 1) {
      const bytes = Uint8Array.of(pair >> 8, pair & 255);
      const text = decodeUtf8(bytes);
      seen.add(text);
      if (Buffer.compare(encodeUtf8(text), bytes) !== 0) expect.fail(`bytes ${bytes} come back changed`);
    }
    expect(seen.size).toBe(65536);
  });

  it('takes for UTF-8 what a strict decoder takes, and nothing else', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    fc.assert(
      fc.property(nearUtf8, (bytes) => {
        let expected: string | undefined;
        try {
          expected = strict.decode(bytes);
        } catch {
          // Not UTF-8: then the text must show that.
        }
        const text = decodeUtf8(bytes);
        if (expected === undefined) expect(text.isWellFormed()).toBe(false);
        else expect(text).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it('keeps apart what a lenient decoder makes one', () => {
    const [a, b] = [Uint8Array.of(0x61, 0xff), Uint8Array.of(0x61, 0xfe)];
    const lenient = new TextDecoder();
    expect(lenient.decode(a)).toBe(lenient.decode(b));
    expect(decodeUtf8(a)).toBe('a\udcff');
    expect(decodeUtf8(b)).toBe('a\udcfe');
  });

  it('reads texts longer than its buffer', () => {
    const text = 'äx€😀'.repeat(5000);
    expect(decodeUtf8(new TextEncoder().encode(text))).toBe(text);
  });
});

describe('displayText', () => {
  it('shows a byte that is not UTF-8 as U+FFFD, and leaves all else', () => {
    expect(displayText(decodeUtf8(Uint8Array.of(0x61, 0xff, 0xc3, 0xa4)))).toBe('a\ufffdä');
    expect(displayText('a😀')).toBe('a😀');
  });
});
