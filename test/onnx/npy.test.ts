import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNpy, type NpyArray, parseNpy, writeNpy } from '../../src/onnx/npy.ts';
import { errorOf } from '../helpers/error-of.ts';
import { numpyFile } from '../helpers/numpy-files.ts';

/** A file with this header, as text, before these bytes. */
function file(header: string, data: readonly number[], version = 1): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(text.length, 0, length.length);
  return Uint8Array.from([0x93, ...Buffer.from('NUMPY'), version, 0, ...length, ...text, ...data]);
}

describe('parseNpy', () => {
  it.each<[Parameters<typeof numpyFile>[0], NpyArray]>([
    ['float32', { dataType: 'float32', dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, -0) }],
    ['fortran', { dataType: 'int16', dims: [2, 3, 4], data: Int16Array.from({ length: 24 }, (_, i) => i) }],
    ['bigEndian', { dataType: 'int32', dims: [3], data: Int32Array.of(1, -2, 300) }],
    ['float16', { dataType: 'float16', dims: [3], data: Uint16Array.of(0x3800, 0x7c00, 0x7bff) }],
    ['scalar', { dataType: 'float64', dims: [], data: Float64Array.of(0.1) }],
    ['empty', { dataType: 'uint8', dims: [0, 3], data: new Uint8Array(0) }],
    ['bool', { dataType: 'bool', dims: [2], data: Uint8Array.of(1, 0) }],
    ['int64', { dataType: 'int64', dims: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) }],
    ['version2', { dataType: 'uint64', dims: [1], data: BigUint64Array.of(7n) }],
    ['version3', { dataType: 'float32', dims: [1], data: Float32Array.of(7.5) }],
  ])("reads NumPy's %s", (name, expected) => {
    expect(parseNpy(numpyFile(name))).toEqual(expected);
    // From the middle of a buffer, where nothing is aligned.
    const shifted = new Uint8Array(numpyFile(name).length + 3);
    shifted.set(numpyFile(name), 3);
    expect(parseNpy(shifted.subarray(3))).toEqual(expected);
  });

  it('does not keep the bytes that it reads from', () => {
    const bytes = file("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", [5]);
    const array = parseNpy(bytes);
    bytes.fill(0);
    expect(array.data).toEqual(Uint8Array.of(5));
  });

  it('reads what others write: other order, quotes and spaces, long integers, no padding', () => {
    const bytes = file('{"shape":( 2L ,),"fortran_order":True,"descr":">u2"}', [1, 2, 3, 4]);
    expect(parseNpy(bytes)).toEqual({ dataType: 'uint16', dims: [2], data: Uint16Array.of(0x0102, 0x0304) });
    const bools = file("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", [0, 1, 255]);
    expect(parseNpy(bools).data).toEqual(Uint8Array.of(0, 1, 1));
  });

  it.each<[string, Uint8Array, string, string]>([
    ['what is no .npy file', Uint8Array.of(1, 2, 3), 'onnx/invalid-array', 'the array is no .npy file'],
    ['nothing', new Uint8Array(0), 'onnx/invalid-array', 'the array is no .npy file'],
    [
      'a newer version',
      file('', [], 4),
      'onnx/invalid-array',
      'has version 4 of the .npy format, not 1 to 3',
    ],
    ['half a header', numpyFile('float32').slice(0, 60), 'onnx/invalid-array', 'ends within its header'],
    ['no length', numpyFile('version2').slice(0, 11), 'onnx/invalid-array', 'ends within its header'],
    [
      'too few bytes',
      numpyFile('float32').slice(0, -1),
      'onnx/invalid-array',
      'of shape (2, 3) and type <f4 takes 24 bytes and has 23',
    ],
    [
      'too many bytes',
      Uint8Array.of(...numpyFile('float32'), 0),
      'onnx/invalid-array',
      'of shape (2, 3) and type <f4 takes 24 bytes and has 25',
    ],
    ['text', numpyFile('text'), 'onnx/unsupported-data-type', 'has elements of NumPy\'s type "<U1"'],
    ['objects', numpyFile('object'), 'onnx/unsupported-data-type', 'has elements of NumPy\'s type "|O"'],
    [
      'fields',
      numpyFile('structured'),
      'onnx/invalid-array',
      'is structured: save one plain array for each field',
    ],
    [
      'an unknown type',
      file("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", []),
      'onnx/unsupported-data-type',
      'has elements of NumPy\'s type "<c8"',
    ],
    [
      'an unknown byte order',
      file("{'descr': 'xf4', 'fortran_order': False, 'shape': ()}", [0, 0, 0, 0]),
      'onnx/unsupported-data-type',
      'has elements of NumPy\'s type "xf4"',
    ],
    [
      'no shape',
      file("{'descr': '<f4', 'fortran_order': False}", []),
      'onnx/invalid-array',
      "is not NumPy's",
    ],
    ['no order', file("{'descr': '<f4', 'shape': ()}", []), 'onnx/invalid-array', "is not NumPy's"],
    ['no type', file("{'fortran_order': False, 'shape': ()}", []), 'onnx/invalid-array', "is not NumPy's"],
    [
      'a shape of words',
      file("{'descr': '<f4', 'fortran_order': False, 'shape': (1, x)}", []),
      'onnx/invalid-array',
      'has a shape that is none or too large: (1, x)',
    ],
    [
      'a negative size',
      file("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", []),
      'onnx/invalid-array',
      'has a shape that is none or too large',
    ],
    [
      'a shape beyond all memory',
      file(`{'descr': '<f4', 'fortran_order': False, 'shape': (${'4294967296, '.repeat(2)})}`, []),
      'onnx/invalid-array',
      'has a shape that is none or too large',
    ],
    [
      'a shape beyond all memory whose last size is 0',
      file(`{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740993, 0)}`, []),
      'onnx/invalid-array',
      'has a shape that is none or too large',
    ],
    [
      'too many sizes',
      file(`{'descr': '<f4', 'fortran_order': True, 'shape': (${'1, '.repeat(65)})}`, [0, 0, 0, 0]),
      'onnx/invalid-array',
      'has a shape that is none or too large',
    ],
    [
      'a header as long as a book',
      Uint8Array.of(...numpyFile('version2').slice(0, 8), 0, 0, 16, 0),
      'onnx/invalid-array',
      'has a header of 1048576 bytes, more than 65536',
    ],
  ])('refuses %s', async (_, bytes, code, message) => {
    const error = await errorOf(() => parseNpy(bytes));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  it('is done at once with a header made to be slow', async () => {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${'1'.repeat(60_000)}!)}`;
    const started = performance.now();
    await errorOf(() => parseNpy(file(header, [])));
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('throws its own errors only, whatever byte is wrong', () => {
    const names = ['float32', 'fortran', 'version2', 'bool'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), fc.nat(255), fc.nat(), (name, place, byte, cut) => {
        const bytes = numpyFile(name);
        bytes[place % bytes.length] = byte;
        try {
          parseNpy(bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0)));
        } catch (error) {
          expect(error).toMatchObject({ name: 'SeInjectError' });
        }
      }),
    );
  });
});

describe('writeNpy', () => {
  it('writes the bytes that NumPy writes', () => {
    for (const name of ['float32', 'float16', 'scalar', 'empty', 'bool', 'int64'] as const)
      expect(writeNpy(parseNpy(numpyFile(name)))).toEqual(numpyFile(name));
    // In row-major order and little-endian.
    expect(isNpy(writeNpy(parseNpy(numpyFile('fortran'))))).toBe(true);
  });

  it('writes what is read back, in every order', () => {
    const dims = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(dims, fc.boolean(), fc.boolean(), (shape, fortran, big) => {
        const size = shape.reduce((product, dim) => product * dim, 1);
        const array: NpyArray = {
          dataType: 'uint32',
          dims: shape,
          data: Uint32Array.from({ length: size }, (_, i) => i * 0x01020304),
        };
        expect(parseNpy(writeNpy(array))).toEqual(array);
        // Element by element, the way that the format's description says where each lies.
        const bytes = Buffer.alloc(4 * size);
        for (let i = 0; i < size; i += 1) {
          let [rest, at, step] = [i, 0, 1];
          const index = shape.toReversed().map((dim) => {
            const position = rest % dim;
            rest = Math.floor(rest / dim);
            return position;
          });
          index.reverse();
          for (const [axis, position] of index.entries()) {
            at += position * step;
            step *= shape[axis] ?? 0;
          }
          const place = 4 * (fortran ? at : i);
          if (big) bytes.writeUInt32BE(array.data[i] as number, place);
          else bytes.writeUInt32LE(array.data[i] as number, place);
        }
        const shown = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
        const header = `{'descr': '${big ? '>' : '<'}u4', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shown}), }`;
        expect(parseNpy(file(header, [...bytes]))).toEqual(array);
      }),
    );
  });
});
