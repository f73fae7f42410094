import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSeInjectError, SeInjectError } from '../../src/errors.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { parseSafetensors, type SafeTensor, writeSafetensors } from '../../src/onnx/safetensors.ts';

/** A file as the format's own library writes one: header length, header, numbers. */
function file(header: unknown, data = 0): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function messageOf(bytes: Uint8Array): string {
  try {
    parseSafetensors(bytes);
  } catch (error) {
    if (error instanceof SeInjectError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'none';
}

const W = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };

describe('parseSafetensors', () => {
  it('reads what the format says', () => {
    const bytes = file(
      { __metadata__: { format: 'pt' }, w: W, b: { dtype: 'F16', shape: [], data_offsets: [8, 10] } },
      10,
    );
    bytes.set([0, 0, 0x80, 0x3f], bytes.length - 10);
    const tensors = parseSafetensors(bytes);
    expect([...tensors.keys()]).toEqual(['w', 'b']);
    expect(tensors.get('w')).toMatchObject({ dataType: DataType.FLOAT, dims: [2] });
    expect([...(tensors.get('w')?.bytes ?? [])]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0]);
    expect(tensors.get('b')).toMatchObject({ dataType: DataType.FLOAT16, dims: [] });
    expect(parseSafetensors(file('{}   ')).size).toBe(0);
  });

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(7), 'onnx/invalid-array: the safetensors file has 7 bytes'],
    ['a header beyond the limit', new Uint8Array(16).fill(0xff), 'onnx/invalid-array: .* a header of 1844'],
    [
      'a file cut in its header',
      file({ w: W }, 8).subarray(0, 20),
      'onnx/invalid-array: .* ends within its header',
    ],
    ['a header that is no JSON', file('{"w": '), 'onnx/invalid-array: .* a header that is no JSON'],
    ['a header that is a list', file('[]'), 'onnx/invalid-array: .* no JSON object'],
    [
      'text that is not UTF-8',
      file('{}').map((byte, at) => (at === 9 ? 0xff : byte)),
      'onnx/invalid-array: .* no JSON',
    ],
    ['an entry that is none', file({ w: 1 }), 'onnx/invalid-array: .* does not say what "w" is'],
    ['no offsets', file({ w: { dtype: 'F32', shape: [2] } }, 8), 'onnx/invalid-array: .* does not say'],
    [
      'offsets that go back',
      file({ w: { ...W, data_offsets: [8, 0] } }, 8),
      'onnx/invalid-array: .* does not say',
    ],
    ['a size below zero', file({ w: { ...W, shape: [-2] } }, 8), 'onnx/invalid-array: .* does not say'],
    [
      'a size that is no number',
      file({ w: { ...W, shape: ['2'] } }, 8),
      'onnx/invalid-array: .* does not say',
    ],
    [
      'too many axes',
      file({ w: { ...W, shape: new Array(17).fill(1) } }, 8),
      'onnx/invalid-array: .* does not say',
    ],
    [
      'a shape of another size',
      file({ w: { ...W, shape: [3] } }, 8),
      'onnx/invalid-array: .* has 8 bytes for "w" of shape \\[3\\]',
    ],
    [
      'sizes that overflow',
      file({ w: { ...W, shape: [2 ** 52, 2 ** 52] } }, 8),
      'onnx/invalid-array: .* has 8 bytes for',
    ],
    ['numbers that are cut', file({ w: W }, 7), 'onnx/invalid-array: .* ends within "w"'],
    ['numbers that nobody has', file({ w: W }, 9), 'onnx/invalid-array: .* has 1 bytes that no tensor has'],
    [
      'two that overlap',
      file({ w: W, v: { ...W, data_offsets: [4, 12] } }, 12),
      'onnx/invalid-array: .* before "v" that two',
    ],
    [
      'a gap',
      file({ w: W, v: { ...W, data_offsets: [12, 20] } }, 20),
      'onnx/invalid-array: .* before "v" that two',
    ],
    [
      'one name twice',
      file(`{"w":${JSON.stringify(W)},"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, 16),
      'onnx/invalid-array: .* before "w"',
    ],
    [
      'eight-bit floats',
      file({ w: { dtype: 'F8_E4M3', shape: [8], data_offsets: [0, 8] } }, 8),
      'onnx/unsupported-data-type: tensor "w" has elements of type "F8_E4M3"',
    ],
    [
      'a type that every object has',
      file({ w: { ...W, dtype: 'constructor' } }, 8),
      'onnx/unsupported-data-type: ',
    ],
  ])('refuses %s', (_what, bytes, message) => {
    expect(messageOf(bytes)).toMatch(new RegExp(`^${message}`));
  });

  it('refuses or reads any damaged file', () => {
    const sound = file({ w: W, 'a.b': { dtype: 'I64', shape: [1, 1], data_offsets: [8, 16] } }, 16);
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.nat(255), (at, byte) => {
        try {
          parseSafetensors(sound.map((old, index) => (index === at ? byte : old)));
        } catch (error) {
          expect(isSeInjectError(error)).toBe(true);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe('writeSafetensors', () => {
  const tensor = (dataType: number, dims: readonly number[], bytes: readonly number[]): SafeTensor => ({
    dataType,
    dims,
    bytes: Uint8Array.from(bytes),
  });

  it('writes what is read, wide elements first and the header padded', () => {
    const tensors = new Map([
      ['half', tensor(DataType.FLOAT16, [1], [1, 2])],
      ['double', tensor(DataType.DOUBLE, [1], [1, 2, 3, 4, 5, 6, 7, 8])],
      ['single', tensor(DataType.FLOAT, [1, 1], [1, 2, 3, 4])],
      ['__proto__', tensor(DataType.BFLOAT16, [0], [])],
    ]);
    const bytes = writeSafetensors(tensors, { format: 'pt' });
    const header = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    expect(header % 8n).toBe(0n);
    expect(new TextDecoder().decode(bytes.subarray(8))).toMatch(
      /^\{"__metadata__":\{"format":"pt"\},"double"/,
    );
    const read = parseSafetensors(bytes);
    expect([...read.keys()]).toEqual(['double', 'single', 'half', '__proto__']);
    expect(new Map([...tensors.keys()].map((name) => [name, read.get(name)!]))).toEqual(tensors);
  });

  it('refuses a type that the format does not have', () => {
    const strings = new Map([['s', tensor(DataType.STRING, [1], [])]]);
    expect(() => writeSafetensors(strings)).toThrow('tensor "s" of type STRING has no place');
  });
});
