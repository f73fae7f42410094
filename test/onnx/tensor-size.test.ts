import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { join, varint, wireWriter } from '../../fixtures/wire-writer.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { tensorSizeFault } from '../../src/onnx/tensor-size.ts';
import { memorySource } from '../../src/wire/byte-source.ts';

const w = wireWriter();

/** What is said of a tensor of this shape and type, with these data fields. */
async function faultOf(
  dims: readonly number[],
  dataType: number,
  ...data: readonly Uint8Array[]
): Promise<string | undefined> {
  const shape = dims.map((dim) => w.int(1, dim));
  const tensor = w.message(5, ...shape, w.int(2, dataType), w.text(8, 'weight'), ...data);
  const [scanned] = (await scanModel(memorySource(w.message(7, tensor)))).graph.initializer;
  if (scanned === undefined) throw new Error('no tensor');
  return tensorSizeFault(scanned);
}

const bytes = (length: number): Uint8Array => new Uint8Array(length);
const raw = (length: number): Uint8Array => w.message(9, bytes(length));
const external = (length: string): Uint8Array =>
  join(
    w.message(13, w.text(1, 'location'), w.text(2, 'w.bin')),
    w.message(13, w.text(1, 'length'), w.text(2, length)),
    w.int(14, 1),
  );

/** How so many elements are written: packed, and one by one. */
const LISTS: readonly (readonly [
  what: string,
  dataType: number,
  packed: (count: number) => Uint8Array,
  single: (count: number) => readonly Uint8Array[],
])[] = [
  [
    'floats',
    DataType.FLOAT,
    (count) => w.message(4, bytes(4 * count)),
    (count) => Array.from({ length: count }, () => w.float(4, 1)),
  ],
  [
    'small integers',
    DataType.INT32,
    (count) => w.message(5, bytes(count)),
    (count) => Array.from({ length: count }, () => w.int(5, 1)),
  ],
  [
    'negative integers',
    DataType.INT64,
    (count) => w.message(7, join(...Array.from({ length: count }, () => varint(-1)))),
    (count) => Array.from({ length: count }, () => w.int(7, -1)),
  ],
  [
    'halves by their bits',
    DataType.FLOAT16,
    (count) => w.message(5, join(...Array.from({ length: count }, () => varint(15_360)))),
    (count) => Array.from({ length: count }, () => w.int(5, 15_360)),
  ],
];

describe('tensorSizeFault', () => {
  it.each([
    ['float32', DataType.FLOAT, 4],
    ['float16', DataType.FLOAT16, 2],
    ['float64', DataType.DOUBLE, 8],
    ['booleans', DataType.BOOL, 1],
    ['complex numbers', DataType.COMPLEX64, 8],
    ['floats of 8 bits', DataType.FLOAT8E4M3FN, 1],
  ])('knows how many raw bytes %s need', async (_, dataType, size) => {
    const counts = fc.integer({ min: 0, max: 400 });
    await fc.assert(
      fc.asyncProperty(counts, counts, async (needed, written) => {
        const fault = await faultOf([needed], dataType, raw(written * size));
        expect(fault === undefined).toBe(needed === written);
      }),
    );
    expect(await faultOf([2, 3], dataType, raw(6 * size + 1))).toMatch(/the file is damaged/);
  });

  it('packs elements of under 8 bits into bytes', async () => {
    expect(await faultOf([3], DataType.INT4, raw(2))).toBeUndefined();
    expect(await faultOf([3], DataType.INT4, raw(3))).toBe(
      'tensor "weight" has 3 bytes of rawData for 3 elements of INT4: the file is damaged, export the model again',
    );
    expect(await faultOf([5], DataType.UINT2, raw(2))).toBeUndefined();
    expect(await faultOf([9], DataType.UINT2, raw(2))).toMatch(/9 elements of UINT2/);
    expect(await faultOf([6], DataType.INT4, w.message(5, bytes(3)))).toBeUndefined();
    expect(await faultOf([8], DataType.INT4, w.message(5, bytes(3)))).toMatch(/int32Data/);
  });

  it.each(LISTS)('takes as many %s as there are, packed or one by one', async (_, type, packed, single) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400 }), async (count) => {
        expect(await faultOf([count], type, packed(count))).toBeUndefined();
        expect(await faultOf([count], type, ...single(count))).toBeUndefined();
        expect(await faultOf([11 * count + 1], type, packed(count))).toMatch(/the file is damaged/);
        expect(await faultOf([11 * count + 1], type, ...single(count))).toMatch(/the file is damaged/);
      }),
    );
  });

  it('counts complex numbers as two floats', async () => {
    expect(await faultOf([3], DataType.COMPLEX64, w.message(4, bytes(24)))).toBeUndefined();
    expect(await faultOf([3], DataType.COMPLEX64, w.message(4, bytes(12)))).toMatch(
      /3 elements of COMPLEX64/,
    );
  });

  it('wants a string for each element, and does not care how long they are', async () => {
    const strings = ['', 'a longer one'].map((text) => w.text(6, text));
    expect(await faultOf([2], DataType.STRING, ...strings)).toBeUndefined();
    expect(await faultOf([200], DataType.STRING, ...strings)).toMatch(/200 elements of STRING/);
  });

  it('reads the length that external data are said to have', async () => {
    expect(await faultOf([2, 2], DataType.FLOAT, external('16'))).toBeUndefined();
    expect(await faultOf([2, 2], DataType.FLOAT, external('12'))).toBe(
      'tensor "weight" has 12 bytes in "w.bin" for 4 elements of FLOAT: the file is damaged, export the model again',
    );
  });

  it('says nothing of weights that were left out, and of types that came later', async () => {
    expect(await faultOf([64, 64], DataType.FLOAT)).toBeUndefined();
    expect(await faultOf([64, 64], 99, raw(3))).toBeUndefined();
  });

  it('knows no dimension below zero', async () => {
    expect(await faultOf([2, -1], DataType.FLOAT, raw(8))).toBe(
      'tensor "weight" has the shape 2x-1: the file is damaged, export the model again',
    );
  });

  it('takes a scalar and an empty tensor as they are', async () => {
    expect(await faultOf([], DataType.FLOAT, raw(4))).toBeUndefined();
    expect(await faultOf([0, 8], DataType.FLOAT, raw(0))).toBeUndefined();
    expect(await faultOf([0, 8], DataType.FLOAT, raw(4))).toMatch(/for 0 elements/);
  });
});
