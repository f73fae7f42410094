import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { writeNpy } from '../../src/onnx/npy.ts';
import { isZip, NPZ_LIMITS, parseNpz } from '../../src/onnx/npz.ts';
import { errorOf } from '../helpers/error-of.ts';
import { numpyFile } from '../helpers/numpy-files.ts';

const zeros = writeNpy({ dataType: 'float32', dims: [100_000], data: new Float32Array(100_000) });

describe('parseNpz', () => {
  it('reads what NumPy stores', () => {
    expect([...parseNpz(numpyFile('npz'))]).toEqual([
      ['x', { dataType: 'float32', dims: [1, 6], data: Float32Array.of(0, 1, 2, 3, 4, 5) }],
      ['é/y', { dataType: 'int64', dims: [2], data: BigInt64Array.of(1n, 2n) }],
    ]);
  });

  it('reads what NumPy compresses', () => {
    expect([...parseNpz(numpyFile('npzCompressed'))]).toEqual([
      ['arr_0', { dataType: 'float32', dims: [64], data: new Float32Array(64) }],
      ['arr_1', { dataType: 'uint8', dims: [2, 2], data: Uint8Array.of(1, 1, 1, 1) }],
    ]);
  });

  it('passes over what is no array', () => {
    const bytes = zipSync({ 'readme.txt': Uint8Array.of(1), 'x.npy': numpyFile('bool') });
    expect([...parseNpz(bytes).keys()]).toEqual(['x']);
  });

  it('reads names that objects have of their own', () => {
    const bytes = zipSync({ 'constructor.npy': numpyFile('bool') });
    expect([...parseNpz(bytes).keys()]).toEqual(['constructor']);
  });

  it('unpacks no more than it may', async () => {
    const bytes = zipSync({ 'a.npy': zeros, 'b.npy': zeros });
    expect(bytes.length).toBeLessThan(3000);
    expect(parseNpz(bytes, { ...NPZ_LIMITS, maxBytes: 2 * zeros.length }).size).toBe(2);
    expect(
      await errorOf(() => parseNpz(bytes, { ...NPZ_LIMITS, maxBytes: 2 * zeros.length - 1 })),
    ).toMatchObject({
      code: 'onnx/invalid-array',
      message: expect.stringContaining(`file unpacks to ${2 * zeros.length} bytes or more`),
    });
    expect(await errorOf(() => parseNpz(bytes, { ...NPZ_LIMITS, maxEntries: 1 }))).toMatchObject({
      code: 'onnx/invalid-array',
      message: expect.stringContaining('more than 1 entries'),
    });
  });

  it('does not believe an entry that unpacks to another size than it declares', async () => {
    const declared = (size: number): Uint8Array => {
      const bytes = zipSync({ 'a.npy': zeros });
      const view = new DataView(bytes.buffer);
      // The size in the central directory, which begins with PK 1 2.
      const at = bytes.findIndex(
        (_, i) => view.byteLength - i >= 4 && view.getUint32(i, true) === 0x02014b50,
      );
      view.setUint32(at + 24, size, true);
      return bytes;
    };
    expect(parseNpz(declared(zeros.length)).size).toBe(1);
    // The bomb: only so much is kept as is declared, and that is no whole array.
    expect((await errorOf(() => parseNpz(declared(1000)))).code).toBe('onnx/invalid-array');
    expect(await errorOf(() => parseNpz(declared(zeros.length + 1)))).toMatchObject({
      message: expect.stringContaining('file is damaged at "a.npy"'),
    });
    expect(await errorOf(() => parseNpz(declared(2 ** 31 - 1)))).toMatchObject({
      message: expect.stringContaining('file is damaged at "a.npy"'),
    });
    expect(await errorOf(() => parseNpz(declared(2 ** 32 - 2)))).toMatchObject({
      message: expect.stringContaining('file unpacks to 4294967294 bytes or more'),
    });
  });

  it('says which array is at fault', async () => {
    const error = await errorOf(() => parseNpz(zipSync({ 'x.npy': numpyFile('text') })));
    expect(error).toMatchObject({
      code: 'onnx/unsupported-data-type',
      message: expect.stringMatching(/^"x": the array has elements of NumPy's type "<U1"/),
      details: { array: 'x', descr: '<U1' },
    });
  });

  it.each<[string, Uint8Array, string]>([
    ['no zip file', Uint8Array.of(1, 2, 3), 'the array file cannot be unpacked'],
    ['nothing', new Uint8Array(0), 'the array file cannot be unpacked'],
    ['half a zip file', numpyFile('npz').slice(0, 300), 'the array file cannot be unpacked'],
    ['no entry', zipSync({}), 'the array file holds no array'],
    ['no array', zipSync({ 'readme.txt': Uint8Array.of(1) }), 'the array file holds no array'],
  ])('refuses %s', async (_, bytes, message) => {
    const error = await errorOf(() => parseNpz(bytes));
    expect(error).toMatchObject({ code: 'onnx/invalid-array', message: expect.stringContaining(message) });
  });

  it('throws its own errors only, whatever byte is wrong', () => {
    fc.assert(
      fc.property(fc.constantFrom('npz', 'npzCompressed'), fc.nat(), fc.nat(255), (name, place, byte) => {
        const bytes = numpyFile(name);
        bytes[place % bytes.length] = byte;
        try {
          parseNpz(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: 'SeInjectError' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('isZip', () => {
  it('knows a zip file, an empty one too', () => {
    expect(isZip(numpyFile('npz'))).toBe(true);
    expect(isZip(zipSync({}))).toBe(true);
    expect(isZip(numpyFile('float32'))).toBe(false);
    expect(isZip(new Uint8Array(0))).toBe(false);
  });
});
