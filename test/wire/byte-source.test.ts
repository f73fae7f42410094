import { describe, expect, it } from 'vitest';
import { type ByteSource, blobSource, memorySource } from '../../src/wire/byte-source.ts';
import { errorOf } from '../helpers/error-of.ts';

const BYTES = Uint8Array.from({ length: 20 }, (_, index) => index * 3);

/** A blob in a jacket that notes what is asked of it. */
function notingBlob(): { source: ByteSource; slices: [number, number][] } {
  const blob = new Blob([BYTES]);
  const slices: [number, number][] = [];
  const source = blobSource({
    size: blob.size,
    slice: (start, end) => {
      slices.push([start, end]);
      return blob.slice(start, end);
    },
  });
  return { source, slices };
}

describe.each([
  ['memorySource', () => memorySource(BYTES)],
  ['blobSource', () => notingBlob().source],
])('%s', (_, make) => {
  it('knows its size and reads any range', async () => {
    const source = make();
    expect(source.size).toBe(20);
    for (let offset = 0; offset <= 20; offset += 1) {
      for (let length = 0; offset + length <= 20; length += 1) {
        expect([...(await source.read(offset, length))]).toEqual([
          ...BYTES.subarray(offset, offset + length),
        ]);
      }
    }
  });

  it.each([
    [19, 2],
    [21, 0],
    [-1, 1],
    [0, -1],
    [0, Number.MAX_SAFE_INTEGER],
    [Number.NaN, 1],
  ])('refuses a range that leaves it: %d, %d', async (offset, length) => {
    const error = await errorOf(make().read(offset, length));
    expect(error.code).toBe('wire/truncated');
    expect(error.details).toEqual({ offset, length, size: 20 });
  });
});

describe('memorySource', () => {
  it('gives views, not copies', async () => {
    const read = await memorySource(BYTES).read(3, 4);
    expect(read.buffer).toBe(BYTES.buffer);
    expect(read.byteOffset).toBe(BYTES.byteOffset + 3);
  });
});

describe('blobSource', () => {
  it('brings in nothing but what is read', async () => {
    const { source, slices } = notingBlob();
    await source.read(5, 3);
    expect(slices).toEqual([[5, 8]]);
  });
});
