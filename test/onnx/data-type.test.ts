import { describe, expect, it } from 'vitest';
import { DataType, dataTypeBits, dataTypeName, isFloating } from '../../src/onnx/data-type.ts';

/** Every type of onnx.proto 1.20 by its number, with the bits of an element. */
const TYPES: readonly (readonly [name: string, bits: number | undefined])[] = [
  ['UNDEFINED', undefined],
  ['FLOAT', 32],
  ['UINT8', 8],
  ['INT8', 8],
  ['UINT16', 16],
  ['INT16', 16],
  ['INT32', 32],
  ['INT64', 64],
  ['STRING', undefined],
  ['BOOL', 8],
  ['FLOAT16', 16],
  ['DOUBLE', 64],
  ['UINT32', 32],
  ['UINT64', 64],
  ['COMPLEX64', 64],
  ['COMPLEX128', 128],
  ['BFLOAT16', 16],
  ['FLOAT8E4M3FN', 8],
  ['FLOAT8E4M3FNUZ', 8],
  ['FLOAT8E5M2', 8],
  ['FLOAT8E5M2FNUZ', 8],
  ['UINT4', 4],
  ['INT4', 4],
  ['FLOAT4E2M1', 4],
  ['FLOAT8E8M0', 8],
  ['UINT2', 2],
  ['INT2', 2],
];

describe('DataType', () => {
  it('has the numbers, names and sizes of ONNX 1.20', () => {
    expect(Object.entries(DataType)).toEqual(TYPES.map(([name], number) => [name, number]));
    expect(TYPES.map((_, number) => dataTypeName(number))).toEqual(TYPES.map(([name]) => name));
    expect(TYPES.map((_, number) => dataTypeBits(number))).toEqual(TYPES.map(([, bits]) => bits));
  });

  it('passes a type that is still to come through by its number', () => {
    expect(dataTypeName(27)).toBe('data type 27');
    expect(dataTypeBits(27)).toBeUndefined();
    expect(isFloating(27)).toBe(false);
  });

  it('tells the types that features are computed in', () => {
    expect(TYPES.flatMap(([name], number) => (isFloating(number) ? [name] : []))).toEqual([
      'FLOAT',
      'FLOAT16',
      'DOUBLE',
      'BFLOAT16',
    ]);
  });
});
