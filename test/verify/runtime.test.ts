import { describe, expect, it } from 'vitest';
import {
  checkFeeds,
  countByProvider,
  isRuntimeDataType,
  type ProfiledNode,
  providerOf,
  type RuntimeTensor,
  type RuntimeValue,
  resolveFetches,
} from '../../src/verify/runtime.ts';

const X: RuntimeValue = { name: 'x', dataType: 'float32', shape: ['N', 3] };
const ANY: RuntimeValue = { name: 'x', dataType: 'string', shape: undefined };
const SEQUENCE: RuntimeValue = { name: 's', dataType: undefined, shape: undefined };

function float32(dims: readonly number[], length = dims.reduce((a, b) => a * b, 1)): RuntimeTensor {
  return { dataType: 'float32', dims, data: new Float32Array(length) };
}

describe('checkFeeds', () => {
  it.each<[string, RuntimeValue, RuntimeTensor]>([
    ['a fixed and a symbolic size', X, float32([2, 3])],
    ['no element at all', X, float32([0, 3])],
    ['a scalar for an undeclared shape', { ...X, shape: undefined }, float32([])],
    ['strings', ANY, { dataType: 'string', dims: [1], data: ['a'] }],
    [
      'bool as bytes',
      { ...X, dataType: 'bool' },
      { dataType: 'bool', dims: [1, 3], data: Uint8Array.of(0, 1, 1) },
    ],
    [
      'float16 as bits',
      { ...X, dataType: 'float16' },
      { dataType: 'float16', dims: [1, 3], data: new Uint16Array(3) },
    ],
    [
      'a Buffer for bytes',
      { ...X, dataType: 'uint8' },
      { dataType: 'uint8', dims: [1, 3], data: Buffer.alloc(3) },
    ],
  ])('takes %s', (_, input, tensor) => {
    expect(() => checkFeeds([input], new Map([['x', tensor]]))).not.toThrow();
  });

  it.each<[string, RuntimeTensor | undefined, string]>([
    ['no tensor', undefined, 'input "x" is not fed: give a float32 tensor of shape [N, 3]'],
    [
      'another type',
      { dataType: 'int32', dims: [1, 3], data: new Int32Array(3) },
      'input "x" is fed int32 values: give a float32 tensor of shape [N, 3]',
    ],
    ['another size', float32([1, 4]), 'input "x" is fed shape [1, 4]: give a float32 tensor of shape [N, 3]'],
    [
      'a rank too many',
      float32([2, 3, 1]),
      'input "x" is fed shape [2, 3, 1]: give a float32 tensor of shape [N, 3]',
    ],
    ['a rank too few', float32([3]), 'input "x" is fed shape [3]: give a float32 tensor of shape [N, 3]'],
    [
      'too few values',
      float32([2, 3], 5),
      'input "x" is fed 5 values for shape [2, 3]: give a float32 tensor of shape [N, 3]',
    ],
    [
      'too many',
      float32([2, 3], 7),
      'input "x" is fed 7 values for shape [2, 3]: give a float32 tensor of shape [N, 3]',
    ],
    [
      'a negative size',
      float32([-1, -3], 3),
      'input "x" is fed a size of -1: give a float32 tensor of shape [N, 3]',
    ],
    [
      'half an element',
      float32([0.5, 3], 1),
      'input "x" is fed a size of 0.5: give a float32 tensor of shape [N, 3]',
    ],
    [
      'another array',
      { dataType: 'float32', dims: [1, 3], data: new Float64Array(3) as unknown as Float32Array },
      'input "x" is fed data that is no Float32Array: give a float32 tensor of shape [N, 3]',
    ],
  ])('refuses %s', (_, tensor, message) => {
    const feeds = new Map(tensor === undefined ? [] : [['x', tensor]]);
    expect(() => checkFeeds([X], feeds)).toThrow(
      expect.objectContaining({ code: 'verify/invalid-input', message, details: { name: 'x' } }),
    );
  });

  it('refuses what the model does not ask for, and what cannot be fed', () => {
    const feeds = new Map([['y', float32([])]]);
    expect(() => checkFeeds([X, SEQUENCE], feeds)).toThrow('"y" is no input of the model: it has "x", "s"');
    expect(() => checkFeeds([], feeds)).toThrow('"y" is no input of the model: it has none');
    expect(() => checkFeeds([SEQUENCE], new Map())).toThrow('input "s" is of a type that cannot be fed');
  });

  it('writes an unnamed size as a question mark', () => {
    expect(() => checkFeeds([{ ...X, shape: ['', 3] }], new Map())).toThrow('shape [?, 3]');
  });
});

describe('resolveFetches', () => {
  const outputs = [X, SEQUENCE, { ...X, name: 'y' }];

  it('reads all that can be read unless told which', () => {
    expect(resolveFetches(outputs, undefined)).toEqual(['x', 'y']);
    expect(resolveFetches(outputs, ['y'])).toEqual(['y']);
  });

  it('refuses what is no output, what cannot be read, and nothing', () => {
    const refusal = (message: string) => expect.objectContaining({ code: 'verify/invalid-input', message });
    expect(() => resolveFetches(outputs, ['z'])).toThrow(
      refusal('"z" is no output of the model: choose from "x", "y"'),
    );
    expect(() => resolveFetches(outputs, ['s'])).toThrow(
      refusal('output "s" is of a type that cannot be read: choose from "x", "y"'),
    );
    const nothing = refusal('no output to read: the model has none that is a tensor of whole bytes');
    expect(() => resolveFetches([SEQUENCE], undefined)).toThrow(nothing);
    expect(() => resolveFetches(outputs, [])).toThrow('no output to read');
  });
});

describe('providerOf', () => {
  const nodes = (...list: readonly (readonly [string, string, string?])[]): { nodes: ProfiledNode[] } => ({
    nodes: list.map(([name, provider, opType = 'Conv']) => ({ name, opType, provider })),
  });

  it('finds a node by its own name, and by the one that a layout rewrite gave it', () => {
    const profile = nodes(['a', 'cpu'], ['b_token_12', 'webgpu'], ['c', 'cpu'], ['c_token_1', 'webgpu']);
    expect(providerOf(profile, 'a')).toBe('cpu');
    expect(providerOf(profile, 'b')).toBe('webgpu');
    // A node whose own name looks like a renamed one, beside the one that it would be renamed from.
    expect(providerOf(profile, 'c')).toBe('cpu');
    expect(providerOf(profile, 'c_token_1')).toBe('webgpu');
  });

  it('says nothing of what did not run, or ran here and there', () => {
    const profile = nodes(['b_token_x', 'webgpu'], ['bb', 'webgpu'], ['d', 'cpu'], ['d', 'webgpu']);
    expect(providerOf(profile, 'b')).toBeUndefined();
    expect(providerOf(profile, 'd')).toBeUndefined();
  });

  it('counts by provider what computes, not what copies', () => {
    const profile = nodes(['a', 'cpu'], ['b', 'webgpu'], ['c', 'webgpu'], ['m', 'webgpu', 'MemcpyToHost']);
    expect(countByProvider(profile)).toEqual(
      new Map([
        ['cpu', 1],
        ['webgpu', 2],
      ]),
    );
  });
});

describe('isRuntimeDataType', () => {
  it('knows the types that tensors can have, and no member of an object', () => {
    expect(isRuntimeDataType('float16')).toBe(true);
    expect(isRuntimeDataType('string')).toBe(true);
    expect(isRuntimeDataType('int4')).toBe(false);
    expect(isRuntimeDataType('toString')).toBe(false);
  });
});
