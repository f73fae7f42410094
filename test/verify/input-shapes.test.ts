import { describe, expect, it } from 'vitest';
import {
  parseShapeOption,
  resolveShapes,
  SPATIAL_SIZES,
  spatialAlternatives,
} from '../../src/verify/inputs.ts';
import type { RuntimeValue } from '../../src/verify/runtime.ts';
import { errorOf } from '../helpers/error-of.ts';

function input(name: string, shape: RuntimeValue['shape']): RuntimeValue {
  return { name, dataType: 'float32', shape };
}

function resolve(
  shapes: Readonly<Record<string, RuntimeValue['shape']>>,
  given?: Readonly<Record<string, readonly number[]>>,
  defaultSpatial?: number,
): Readonly<Record<string, readonly number[]>> {
  const inputs = Object.entries(shapes).map(([name, shape]) => input(name, shape));
  const options = { shapes: given && new Map(Object.entries(given)), defaultSpatial };
  return Object.fromEntries(resolveShapes(inputs, options));
}

describe('resolveShapes', () => {
  it.each<[string, RuntimeValue['shape'], readonly number[]]>([
    ['fixed', [2, 3, 32, 32], [2, 3, 32, 32]],
    ['undeclared, which may be a scalar', undefined, []],
    ['an image, channels first', ['N', 3, 'H', 'W'], [1, 3, 224, 224]],
    ['an image, channels last', ['N', 'H', 'W', 3], [1, 224, 224, 3]],
    ['an image without any size', ['', '', '', ''], [1, 3, 224, 224]],
    ['a feature map', [1, 64, 'h', 'w'], [1, 64, 224, 224]],
    ['placed by names', ['height', 'width', 'channels', 'batch_size'], [224, 224, 3, 1]],
    ['one placeholder for all', ['None', 3, 'None', 'None'], [1, 3, 224, 224]],
    ['one symbol for the batch and the rest', ['x', 3, 'x', 'x'], [1, 3, 224, 224]],
    ['a sequence', ['batch', 'sequence'], [1, 224]],
    ['a state whose batch is in the middle', [2, 'batch', 64], [2, 1, 64]],
    ['a video', ['N', 3, 'T', 'H', 'W'], [1, 3, 16, 224, 224]],
    ['a video, channels last', ['N', 'T', 'H', 'W', 3], [1, 16, 224, 224, 3]],
    ['an image without a batch', [3, 'p', 'q'], [3, 224, 224]],
  ])('fills in what is %s', (_, shape, expected) => {
    expect(resolve({ x: shape })).toEqual({ x: expected });
  });

  it('takes another size for what is open', () => {
    expect(resolve({ x: ['N', 3, 'H', 'W'] }, {}, 320)).toEqual({ x: [1, 3, 320, 320] });
  });

  it('gives a symbol one size in all inputs, the size that the user gives it first', () => {
    const shapes = { a: ['n', 's'], x: ['n', 3, 's', 'W'], y: ['', 's'] };
    expect(resolve(shapes)).toEqual({ a: [1, 224], x: [1, 3, 224, 224], y: [1, 224] });
    expect(resolve(shapes, { x: [2, 3, 64, 48] })).toEqual({ a: [2, 64], x: [2, 3, 64, 48], y: [1, 64] });
  });

  it('gives a symbol the size of its first place, and a placeholder none', () => {
    expect(resolve({ x: [4, 's'], y: ['s', 3] })).toEqual({ x: [4, 224], y: [224, 3] });
    expect(resolve({ x: [4, '?'], y: ['?', 3] })).toEqual({ x: [4, 224], y: [1, 3] });
  });

  it('takes any shape where none is declared', () => {
    expect(resolve({ x: undefined }, { x: [2, 3] })).toEqual({ x: [2, 3] });
  });

  it.each<[string, Record<string, readonly number[]>, string]>([
    ['an unknown name', { z: [1] }, '"z" is no input of the model: it has "x", "y"'],
    ['another rank', { x: [1, 3] }, 'input "x" is given the shape [1, 3]: the model declares [n, 3, s, ?]'],
    [
      'another size',
      { x: [1, 4, 8, 8] },
      'input "x" is given the shape [1, 4, 8, 8]: the model declares [n, 3, s, ?]',
    ],
    [
      'half a size',
      { x: [1, 3, 0.5, 8] },
      'input "x" is given the shape [1, 3, 0.5, 8]: sizes are whole numbers',
    ],
    [
      'two sizes for a symbol',
      { x: [1, 3, 8, 8], y: [9] },
      'input "y" is given the shape [9]: "s" is 9 in it and 8 elsewhere',
    ],
    [
      'more than fits in memory',
      { x: [1, 3, 30000, 30000] },
      'input "x" of shape [1, 3, 30000, 30000] has more than 268435456 elements: give a smaller shape',
    ],
  ])('refuses %s', async (_, given, message) => {
    const error = await errorOf(() => resolve({ x: ['n', 3, 's', ''], y: ['s'] }, given));
    expect(error).toMatchObject({ code: 'verify/invalid-input', message });
  });
});

describe('spatialAlternatives', () => {
  it('has several sizes only where a shape depends on them', () => {
    expect(spatialAlternatives([input('x', ['N', 3, 'H', 'W'])])).toEqual([224, 256, 320, 640]);
    expect(spatialAlternatives([input('x', ['N', 3, 224, 224])])).toEqual([SPATIAL_SIZES[0]]);
    expect(spatialAlternatives([input('x', ['N', 'H'])], new Map([['x', [1, 8]]]))).toEqual([224]);
    expect(spatialAlternatives([])).toEqual([224]);
  });
});

describe('parseShapeOption', () => {
  it.each<[string, string, readonly number[]]>([
    ['input=1x3x224x224', 'input', [1, 3, 224, 224]],
    ['images:0=1,3,64,64', 'images:0', [1, 3, 64, 64]],
    ['a=b=7', 'a=b', [7]],
    ['x= 1 X 2', 'x', [1, 2]],
  ])('reads %s', (text, name, dims) => {
    expect(parseShapeOption(text)).toEqual({ name, dims });
  });

  it.each([
    '',
    'input',
    '1x3',
    '=1x3',
    'x=',
    'x=1x',
    'x=1xHx3',
    'x=0x3',
    'x=-1x3',
    'x=1.5',
    'x=1e3',
    'x=0x10',
    'x=9007199254740993',
  ])('refuses "%s"', async (text) => {
    const error = await errorOf(() => parseShapeOption(text));
    expect(error).toMatchObject({
      code: 'verify/invalid-input',
      message: `cannot read the shape "${text}": write it as name=1x3x224x224, sizes being whole numbers from 1`,
    });
  });
});
