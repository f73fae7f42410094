import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFloat16, toFloat16 } from '../../src/onnx/half.ts';
import { feedsFromArrays, type GivenArray } from '../../src/verify/inputs.ts';
import type { RuntimeDataType, RuntimeTensor, RuntimeValue } from '../../src/verify/runtime.ts';
import { errorOf } from '../helpers/error-of.ts';

const X: RuntimeValue = { name: 'x', dataType: 'float32', shape: ['N', 2] };
const Y: RuntimeValue = { name: 'y', dataType: 'int64', shape: ['N'] };

function float64(data: readonly number[], dims: readonly number[] = [1, data.length]): GivenArray {
  return { dataType: 'float64', dims, data: Float64Array.from(data) };
}

function int32(...data: number[]): GivenArray {
  return { dataType: 'int32', dims: [data.length], data: Int32Array.from(data) };
}

function fed(dataType: RuntimeDataType, array: GivenArray): RuntimeTensor['data'] | undefined {
  const input: RuntimeValue = { name: 'x', dataType, shape: undefined };
  return feedsFromArrays([input], new Map([['x', { ...array, dims: [array.data.length] }]])).get('x')?.data;
}

describe('feedsFromArrays', () => {
  it('matches by name and converts what stays the same', () => {
    const feeds = feedsFromArrays(
      [X, Y],
      new Map([
        ['y', int32(7)],
        ['x', float64([1, 0.5])],
      ]),
    );
    expect(feeds).toEqual(
      new Map<string, RuntimeTensor>([
        ['y', { dataType: 'int64', dims: [1], data: BigInt64Array.of(7n) }],
        ['x', { dataType: 'float32', dims: [1, 2], data: Float32Array.of(1, 0.5) }],
      ]),
    );
  });

  it('takes what fits as it is', () => {
    const array: GivenArray = { dataType: 'float32', dims: [1, 2], data: Float32Array.of(1, Number.NaN) };
    expect(feedsFromArrays([X], new Map([['x', array]])).get('x')).toBe(array);
  });

  it('gives arrays without names to the inputs in their order', () => {
    expect(feedsFromArrays([X], new Map([['', float64([1, 2])]])).get('x')?.dims).toEqual([1, 2]);
    const feeds = feedsFromArrays(
      [X, Y],
      new Map([
        ['arr_1', int32(7)],
        ['arr_0', float64([1, 2])],
      ]),
    );
    expect([...feeds.keys()]).toEqual(['x', 'y']);
    // By number, not by text.
    const many = Array.from({ length: 11 }, (_, i): RuntimeValue => ({ ...Y, name: `n${i}` }));
    const arrays = new Map(many.map((_, i) => [`arr_${i}`, int32(i)]));
    expect(feedsFromArrays(many, arrays).get('n10')?.data).toEqual(BigInt64Array.of(10n));
    // An input that is called so.
    const named: RuntimeValue = { ...Y, name: 'arr_1' };
    const own = new Map([
      ['arr_1', int32(1)],
      ['arr_0', int32(0)],
    ]);
    expect(feedsFromArrays([named, { ...Y, name: 'arr_0' }], own).get('arr_1')?.data).toEqual(
      BigInt64Array.of(1n),
    );
  });

  it.each<[string, readonly (readonly [string, GivenArray])[], string]>([
    ['an input that is not given', [], 'input "x" is not fed: give a float32 tensor of shape [N, 2]'],
    ['an unknown name', [['z', float64([1, 2])]], '"z" is no input of the model: it has "x"'],
    [
      'another shape',
      [['x', float64([1, 2, 3])]],
      'input "x" is fed shape [1, 3]: give a float32 tensor of shape [N, 2]',
    ],
    [
      'numbers that would change',
      [['x', float64([1, 0.1])]],
      'input "x" is given as float64 with values that float32 does not have (0.1 at 1): convert it yourself, with astype(np.float32) in NumPy',
    ],
    [
      'text',
      [['x', { dataType: 'string', dims: [1, 2], data: ['1', '2'] }]],
      'input "x" is fed string values: give a float32 tensor of shape [N, 2]',
    ],
    [
      'more arrays than inputs',
      [
        ['arr_0', float64([1, 2])],
        ['arr_1', float64([1, 2])],
      ],
      '2 arrays without names are given, and the model has 1 inputs: leave the others out',
    ],
  ])('refuses %s', async (_, arrays, message) => {
    const error = await errorOf(() => feedsFromArrays([X], new Map(arrays)));
    expect(error).toMatchObject({ code: 'verify/invalid-input', message });
  });

  it.each<[RuntimeDataType, number, number]>([
    ['int8', 127, 128],
    ['int8', -128, -129],
    ['uint8', 255, 256],
    ['uint8', 0, -1],
    ['int16', -32768, 32768],
    ['uint16', 65535, 65536],
    ['int32', 2 ** 31 - 1, 2 ** 31],
    ['uint32', 2 ** 32 - 1, 2 ** 32],
    ['int64', -(2 ** 63), 2 ** 63],
    ['uint64', 2 ** 63, -1],
    ['int32', 3, 0.5],
    ['int64', 3, Number.NaN],
    ['int32', 3, Number.POSITIVE_INFINITY],
    ['float32', 2 ** 24, 2 ** 24 + 1],
    ['float16', 2048, 2049],
    ['float16', 65504, 65536],
    ['bool', 1, 2],
    ['bool', 0, 0.5],
    ['bool', 0, Number.NaN],
  ])('converts to %s %d and not %d', async (dataType, good, bad) => {
    const data = fed(dataType, float64([good]));
    const element = data?.[0];
    expect(dataType === 'float16' ? fromFloat16(Number(element)) : Number(element)).toBe(good);
    const error = await errorOf(() => fed(dataType, float64([bad])));
    expect(error).toMatchObject({ code: 'verify/invalid-input', details: { name: 'x', index: 0 } });
  });

  it('keeps NaN, infinities and the sign of zero between floats', () => {
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];
    expect(fed('float32', float64(special))).toEqual(Float32Array.from(special));
    expect(fed('float16', float64(special))).toEqual(Uint16Array.from(special, toFloat16));
    const half: GivenArray = { dataType: 'float16', dims: [4], data: Uint16Array.from(special, toFloat16) };
    expect(fed('float64', half)).toEqual(Float64Array.from(special));
  });

  it('tells 64-bit integers that float64 has not', async () => {
    const wide = (value: bigint): GivenArray => ({
      dataType: 'int64',
      dims: [1],
      data: BigInt64Array.of(value),
    });
    expect(fed('float64', wide(2n ** 53n))).toEqual(Float64Array.of(2 ** 53));
    await errorOf(() => fed('float64', wide(2n ** 53n + 1n)));
    expect(fed('uint64', wide(2n ** 62n + 1n))).toEqual(BigUint64Array.of(2n ** 62n + 1n));
    await errorOf(() => fed('uint64', wide(-1n)));
    expect(fed('bool', wide(1n))).toEqual(Uint8Array.of(1));
    await errorOf(() => fed('bool', wide(2n)));
  });

  it('converts or refuses, and never changes a number', () => {
    const types = ['float32', 'float16', 'int8', 'uint8', 'int32', 'int64', 'uint64'] as const;
    const value = fc.oneof(fc.double(), fc.integer(), fc.integer({ min: -200, max: 300 }));
    fc.assert(
      fc.property(fc.constantFrom(...types), value, (dataType, number) => {
        let data: RuntimeTensor['data'] | undefined;
        try {
          data = fed(dataType, float64([number]));
        } catch (error) {
          expect(error).toMatchObject({ code: 'verify/invalid-input' });
          return;
        }
        const element = Number(data?.[0]);
        const back = dataType === 'float16' ? fromFloat16(element) : element;
        // Integers have no -0.
        expect(back === number || (Number.isNaN(back) && Number.isNaN(number))).toBe(true);
      }),
    );
  });
});
