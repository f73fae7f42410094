import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import { stageOf, stridesOf } from '../../src/graph/strides.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { type ModelSpec, viewOf } from '../helpers/model.ts';

async function strides(spec: ModelSpec): Promise<Record<string, number>> {
  const view = await viewOf(spec);
  return Object.fromEntries(stridesOf(view, inferTypes(view)));
}

const DYNAMIC = { x: ['N', 3, 'H', 'W'] };
const down = { strides: [2, 2], pads: [1, 1, 1, 1] };
const weights = { w3: [3, 3, 3, 3], w1: [3, 3, 1, 1], two: { ints: [2], dims: [] } };

describe('stridesOf', () => {
  it('multiplies the strides of convolutions and poolings, whatever the sizes', async () => {
    const found = await strides({
      inputs: DYNAMIC,
      weights,
      nodes: [
        ['Conv', 'x w3', 'c1', down],
        ['Relu', 'c1', 'r1'],
        ['MaxPool', 'r1', 'p1', { kernel_shape: [3, 3], strides: [2, 2] }],
        ['Conv', 'p1 w3', 'c2', { pads: [1, 1, 1, 1] }],
        ['AveragePool', 'c2', 'p2', { kernel_shape: [2, 2], strides: [2, 2] }],
      ],
    });
    expect(found).toEqual({ x: 1, c1: 2, r1: 2, p1: 4, c2: 4, p2: 8 });
  });

  it('divides by Resize, transposed convolutions and DepthToSpace, multiplies by SpaceToDepth', async () => {
    const found = await strides({
      inputs: { x: ['N', 16, 'H', 'W'] },
      weights: {
        w: [16, 16, 3, 3],
        t: [16, 16, 2, 2],
        s: { floats: [1, 1, 2, 2] },
        h: { floats: [1, 1, 0.5, 0.5] },
      },
      nodes: [
        ['Conv', 'x w', 'c', { strides: [4, 4] }],
        ['Resize', 'c _ s', 'up'],
        ['Resize', 'c _ h', 'down'],
        ['ConvTranspose', 'up t', 'up2', { strides: [2, 2] }],
        ['ConvTranspose', 'up2 t', 'half', { strides: [2, 2] }],
        ['DepthToSpace', 'c', 'd', { blocksize: 2 }],
        ['SpaceToDepth', 'c', 's2', { blocksize: 2 }],
        ['Upsample', 'c', 'old', { height_scale: { float: 2 }, width_scale: { float: 2 } }],
      ],
    });
    expect(found).toEqual({ x: 1, c: 4, up: 2, down: 8, up2: 1, half: 0.5, d: 2, s2: 8, old: 2 });
  });

  it('asks the sizes where Resize is given only those', async () => {
    const sizes = (inputs: ModelSpec['inputs']): ModelSpec => ({
      inputs: inputs ?? {},
      weights: { w3: [3, 3, 3, 3], sizes: { ints: [1, 3, 32, 32] } },
      nodes: [
        ['Conv', 'x w3', 'c', { ...down, strides: [4, 4] }],
        ['Resize', 'c _ _ sizes', 'up'],
      ],
    });
    expect((await strides(sizes({ x: [1, 3, 64, 64] })))['up']).toBe(2);
    expect((await strides(sizes(DYNAMIC)))['up']).toBeUndefined();
  });

  it('takes the larger one where branches meet, and the known one', async () => {
    const found = await strides({
      inputs: DYNAMIC,
      weights: { ...weights, sizes: { ints: [1, 3, 32, 32] } },
      nodes: [
        ['Conv', 'x w3', 'a', down],
        ['Conv', 'a w3', 'b', down],
        ['Concat', 'a b', 'joined', { axis: 1 }],
        ['Resize', 'b _ _ sizes', 'up'],
        ['Add', 'a up', 'sum'],
      ],
    });
    expect(found).toMatchObject({ a: 2, b: 4, joined: 4, sum: 2 });
    expect(found['up']).toBeUndefined();
  });

  it('gives none to gates and logits, and lets them not raise that of the features', async () => {
    const found = await strides({
      inputs: DYNAMIC,
      weights: { ...weights, f: [3, 10] },
      nodes: [
        ['Conv', 'x w3', 'c', down],
        ['GlobalAveragePool', 'c', 'squeeze'],
        ['Conv', 'squeeze w1', 'excite'],
        ['Sigmoid', 'excite', 'gate'],
        ['Mul', 'c gate', 'scaled'],
        ['ReduceMean', 'scaled', 'mean', { axes: [2, 3] }],
        ['Mul', 'mean scaled', 'other'],
        ['Flatten', 'mean', 'flat'],
        ['Gemm', 'flat f', 'logits'],
      ],
    });
    expect(found).toEqual({ x: 1, c: 2, scaled: 2, other: 2 });
  });

  it('does not let a pooling to a single position raise that of what it scales', async () => {
    const found = await strides({
      inputs: { x: [1, 3, 16, 16] },
      weights,
      nodes: [
        ['Conv', 'x w3', 'c', down],
        ['AveragePool', 'c', 'squeeze', { kernel_shape: [8, 8], strides: [8, 8] }],
        ['Mul', 'squeeze c', 'scaled'],
      ],
    });
    expect(found).toEqual({ x: 1, c: 2, squeeze: 16, scaled: 2 });
  });

  it('follows the axes through transposed layouts', async () => {
    const found = await strides({
      inputs: { x: ['N', 'H', 'W', 3] },
      weights,
      nodes: [
        ['Transpose', 'x', 't', { perm: [0, 3, 1, 2] }],
        ['Conv', 't w3', 'c', { strides: [2, 4] }],
        ['Transpose', 'c', 'back', { perm: [0, 2, 3, 1] }],
        ['Transpose', 'back', 'again', { perm: [0, 3, 1, 2] }],
        ['Conv', 'again w3', 'c2', { strides: [2, 1] }],
      ],
    });
    expect(found).toEqual({ x: 1, t: 1, c: 4, back: 4, again: 4, c2: 4 });
  });

  it('looks at the next axis where the first has no stride, and at one axis where there is no more', async () => {
    const found = await strides({
      inputs: { x: ['N', 3, 1, 'T'] },
      weights: { ...weights, w: [3, 3, 5] },
      nodes: [
        ['Conv', 'x w1', 'wide', { strides: [1, 4] }],
        ['Squeeze', 'wide two', 'line'],
        ['Conv', 'line w', 'c', { strides: [2] }],
        ['Unsqueeze', 'c two', 'back'],
      ],
    });
    expect(found).toEqual({ x: 1, wide: 4, line: 4, c: 8, back: 8 });
  });

  it('counts slices that skip positions, not crops, pads, splits and joins', async () => {
    const found = await strides({
      inputs: { x: [1, 3, 16, 16] },
      weights: {
        zero: { ints: [0, 0] },
        end: { ints: [100, 100] },
        eight: { ints: [8, 8] },
        hw: { ints: [2, 3] },
        step: { ints: [2, 2] },
        pads: { ints: [0, 0, 8, 8, 0, 0, 8, 8] },
        w: [8, 12, 3, 3],
      },
      nodes: [
        ['Slice', 'x zero end hw step', 'focus'],
        ['Concat', 'focus focus focus focus', 'patches', { axis: 1 }],
        ['Conv', 'patches w', 'c', { pads: [1, 1, 1, 1] }],
        ['Slice', 'x zero eight hw', 'crop'],
        ['Pad', 'x pads', 'pad'],
        ['Split', 'x', 'upper lower', { axis: 2 }],
        ['Concat', 'x x', 'long', { axis: 2 }],
      ],
    });
    expect(found).toMatchObject({ focus: 2, patches: 2, c: 2, crop: 1, pad: 1, upper: 1, lower: 1, long: 1 });
  });

  it('keeps through channel shuffles, tokens and windows', async () => {
    const found = await strides({
      inputs: { x: [1, 3, 56, 56] },
      weights: {
        w: [8, 3, 4, 4],
        groups: { ints: [1, 2, 4, 14, 14] },
        image: { ints: [1, 8, 14, 14] },
        tokens: { ints: [1, 8, 196] },
        windows: { ints: [1, 8, 2, 7, 2, 7] },
        m: [8, 8],
        w3: [8, 8, 3, 3],
      },
      nodes: [
        ['Conv', 'x w', 'c', { strides: [4, 4] }],
        ['Reshape', 'c groups', 'g'],
        ['Transpose', 'g', 't', { perm: [0, 2, 1, 3, 4] }],
        ['Reshape', 't image', 'shuffled'],
        ['Conv', 'shuffled w3', 'c2', down],
        ['Reshape', 'c tokens', 'flat'],
        ['Transpose', 'flat', 'rows', { perm: [0, 2, 1] }],
        ['MatMul', 'rows m', 'mixed'],
        ['Transpose', 'mixed', 'columns', { perm: [0, 2, 1] }],
        ['Reshape', 'columns image', 'map'],
        ['Reshape', 'c windows', 'split'],
        ['Reshape', 'split image', 'merged'],
      ],
    });
    expect(found).toMatchObject({ shuffled: 4, c2: 8, flat: 4, mixed: 4, map: 4, merged: 4 });
  });

  it('keeps through a channel shuffle of sizes that are not known', async () => {
    const found = await strides({
      inputs: { x: [1, 3, 'H', 'W'] },
      weights: {
        w: [8, 3, 3, 3],
        from: { ints: [2] },
        to: { ints: [4] },
        groups: { ints: [1, 2, 4] },
        eight: { ints: [1, 8] },
      },
      nodes: [
        ['Conv', 'x w', 'c', { strides: [4, 2], pads: [1, 1, 1, 1] }],
        ['Shape', 'c', 's'],
        ['Slice', 's from to', 'hw'],
        ['Concat', 'groups hw', 'split', { axis: 0 }],
        ['Reshape', 'c split', 'g'],
        ['Transpose', 'g', 't', { perm: [0, 2, 1, 3, 4] }],
        ['Concat', 'eight hw', 'merged', { axis: 0 }],
        ['Reshape', 't merged', 'y'],
        ['Transpose', 'y', 'turned', { perm: [0, 1, 3, 2] }],
        ['ReduceMean', 'turned', 'columns', { axes: [3] }],
        ['ReduceMean', 'turned', 'rows', { axes: [2] }],
      ],
    });
    expect(found).toMatchObject({ c: 4, g: 4, y: 4, columns: 2, rows: 4 });
  });

  it('multiplies by blocks of pixels that become channels by reshaping', async () => {
    const found = await strides({
      inputs: { x: [1, 3, 32, 32] },
      weights: { split: { ints: [1, 3, 8, 4, 8, 4] }, merged: { ints: [1, 48, 8, 8] }, w: [8, 48, 3, 3] },
      nodes: [
        ['Reshape', 'x split', 'g'],
        ['Transpose', 'g', 't', { perm: [0, 3, 5, 1, 2, 4] }],
        ['Reshape', 't merged', 'y'],
        ['Conv', 'y w', 'c', { pads: [1, 1, 1, 1], strides: [2, 2] }],
      ],
    });
    expect(found).toMatchObject({ y: 4, c: 8 });
  });

  it('is not led astray by patches that are laid out as a map of other proportions', async () => {
    const found = await strides({
      inputs: { x: [1, 3, 64, 64] },
      weights: {
        w: [8, 3, 3, 3],
        open: { ints: [64, 2, 4, 2] },
        flat: { ints: [1, 8, 32, 4] },
        back: { ints: [64, 4, 2, 2] },
        map: { ints: [1, 8, 8, 8] },
      },
      nodes: [
        ['Conv', 'x w', 'c', { pads: [1, 1, 1, 1], strides: [8, 8] }],
        ['Reshape', 'c open', 'p'],
        ['Transpose', 'p', 'q', { perm: [0, 2, 1, 3] }],
        ['Reshape', 'q flat', 'patches'],
        ['Reshape', 'patches back', 'r'],
        ['Transpose', 'r', 's', { perm: [0, 2, 1, 3] }],
        ['Reshape', 's map', 'y'],
      ],
    });
    expect(found).toMatchObject({ c: 8, y: 8 });
  });

  it('divides by a pixel shuffle that is written out', async () => {
    const found = await strides({
      inputs: { x: [1, 3, 16, 16] },
      weights: { w: [8, 3, 4, 4], blocks: { ints: [1, 2, 2, 2, 4, 4] }, image: { ints: [1, 2, 8, 8] } },
      nodes: [
        ['Conv', 'x w', 'c', { strides: [4, 4] }],
        ['Reshape', 'c blocks', 'b'],
        ['Transpose', 'b', 't', { perm: [0, 1, 4, 2, 5, 3] }],
        ['Reshape', 't image', 'y'],
      ],
    });
    expect(found).toMatchObject({ c: 4, y: 2 });
  });

  it('asks the sizes for operators that it does not know', async () => {
    const spec: ModelSpec = {
      inputs: { x: [1, 3, 16, 16] },
      weights,
      nodes: [
        ['Conv', 'x w3', 'c', down],
        ['custom:Shrink', 'c', 'y'],
      ],
    };
    expect((await strides({ ...spec, valueInfo: { y: [1, 3, 4, 4] } }))['y']).toBe(4);
    expect((await strides(spec))['y']).toBe(2);
  });

  it('asks the sizes of an image’s sizes where nothing else tells', async () => {
    const body = (op: 'Relu' | 'Sigmoid') => ({
      graph: { nodes: [[op, 'c', 'r']] as const, outputs: { r: null } },
    });
    const spec: ModelSpec = {
      inputs: { x: [1, 3, 16, 16], condition: { type: DataType.BOOL, dims: [] } },
      weights,
      nodes: [
        ['Conv', 'x w3', 'c', down],
        ['If', 'condition', 'y', { then_branch: body('Relu'), else_branch: body('Sigmoid') }],
        ['Conv', 'y w3', 'z', down],
      ],
    };
    expect(await strides(spec)).toEqual({ x: 1, c: 2, y: 2, z: 4 });
    expect(await strides({ ...spec, inputs: { ...spec.inputs, x: DYNAMIC.x } })).toEqual({ x: 1, c: 2 });
  });

  it('keeps through a Resize to the size that it has', async () => {
    const found = await strides({
      inputs: { x: ['N', 3, 'H', 'W'] },
      weights,
      nodes: [
        ['Shape', 'x', 's'],
        ['Resize', 'x _ _ s', 'y'],
      ],
    });
    expect(found).toEqual({ x: 1, y: 1 });
  });

  it('keeps the axes that a reduction or a lookup leaves', async () => {
    const found = await strides({
      inputs: DYNAMIC,
      weights: { ...weights, one: { ints: [1], dims: [] }, rows: { ints: [1, 2] } },
      nodes: [
        ['Conv', 'x w3', 'c', { strides: [4, 2] }],
        ['ReduceMean', 'c', 'mean', { axes: [2] }],
        ['ReduceMax', 'c', 'max', { axes: [3], keepdims: 0 }],
        ['ArgMax', 'c', 'best', { axis: 1, keepdims: 0 }],
        ['Gather', 'c one', 'batch'],
        ['Gather', 'c one', 'channel', { axis: 1 }],
        ['Gather', 'c one', 'row', { axis: 2 }],
        ['Gather', 'c rows', 'some', { axis: 2 }],
      ],
    });
    expect(found).toMatchObject({
      c: 4,
      mean: 2,
      max: 4,
      best: 4,
      batch: 4,
      channel: 4,
      row: 2,
      some: 4,
    });
  });

  it('does not follow what only tells of an image', async () => {
    const found = await strides({
      inputs: DYNAMIC,
      weights: { zero: { ints: [0], dims: [] } },
      nodes: [
        ['Shape', 'x', 's'],
        ['Gather', 's zero', 'n'],
        ['Cast', 'n', 'f', { to: DataType.FLOAT }],
      ],
    });
    expect(found).toEqual({ x: 1 });
  });

  it('takes scalars and lengths for no images, and an image for one whose rank is open', async () => {
    const found = await strides({
      inputs: { x: { type: DataType.FLOAT }, length: [4], rate: [] },
      weights,
      nodes: [
        ['Conv', 'x w3', 'c', down],
        ['Relu', 'length', 'l'],
        ['Mul', 'x rate', 'scaled'],
      ],
      valueInfo: { scaled: [1, 3, 8, 8] },
    });
    expect(found).toEqual({ x: 1, c: 2, scaled: 1 });
  });

  it('starts anew where a Loop has prepared the image, and tells nothing behind one in the middle', async () => {
    const body = (from: string) => ({
      graph: {
        inputs: { i: { type: DataType.INT64, dims: [] }, go: { type: DataType.BOOL, dims: [] } },
        nodes: [
          ['Identity', 'go', 'on'],
          ['Relu', from, 'made'],
        ] as const,
        outputs: { on: null, made: null },
      },
    });
    const prepared = await strides({
      inputs: DYNAMIC,
      weights,
      nodes: [
        ['Loop', 'two _', 'image', { body: body('x') }],
        ['Conv', 'image w3', 'c1', down],
        ['Conv', 'c1 w3', 'c2', down],
      ],
    });
    expect(prepared).toMatchObject({ c1: 2, c2: 4 });
    const inside = await strides({
      inputs: DYNAMIC,
      weights,
      nodes: [
        ['Conv', 'x w3', 'c1', down],
        ['Loop', 'two _', 'y', { body: body('c1') }],
        ['Conv', 'y w3', 'c2', down],
      ],
    });
    expect(inside['c2']).toBeUndefined();
  });

  it('starts anew where an image of any size is brought to one', async () => {
    const found = await strides({
      inputs: DYNAMIC,
      weights: { ...weights, sizes: { ints: [1, 3, 64, 64] } },
      nodes: [
        ['Resize', 'x _ _ sizes', 'image', { mode: 'linear' }],
        ['Conv', 'image w3', 'c1', down],
      ],
    });
    expect(found['c1']).toBe(2);
  });

  it('knows the places of words behind their table, and the image behind the bytes of its file', async () => {
    const words = await strides({
      inputs: { x: { type: DataType.INT64, dims: ['N', 'T'] } },
      weights: { table: [100, 3], w: [3, 3, 3] },
      nodes: [
        ['Gather', 'table x', 'rows'],
        ['Transpose', 'rows', 'maps', { perm: [0, 2, 1] }],
        ['Conv', 'maps w', 'c', { strides: [2] }],
      ],
    });
    expect(words['c']).toBe(2);
    const file = await strides({
      opsets: { 'com.microsoft.extensions': 1 },
      inputs: { x: { type: DataType.UINT8, dims: ['bytes'] } },
      weights,
      nodes: [
        ['com.microsoft.extensions:DecodeImage', 'x', 'image'],
        ['Conv', 'image w3', 'c1', down],
        ['Conv', 'c1 w3', 'c2', down],
      ],
    });
    expect(file).toMatchObject({ c1: 2, c2: 4 });
  });

  it('leaves nonsense untold', async () => {
    const found = await strides({
      inputs: { x: [1, 3, 8, 8] },
      weights: { ...weights, s: { floats: [0, -1, Number.NaN, 0] } },
      nodes: [
        ['Conv', 'x w3', 'c', { strides: [0, -3] }],
        ['Resize', 'x _ s', 'r'],
        ['Transpose', 'x', 't', { perm: [0, 9, 1, 2] }],
        ['Reshape', 'x missing', 'q'],
      ],
    });
    for (const stride of Object.values(found)) expect(stride).toBeGreaterThan(0);
  });
});

describe('stageOf', () => {
  it('counts as papers do', () => {
    expect([1, 2, 4, 8, 16, 32].map(stageOf)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(stageOf(0.5)).toBe(-1);
    expect([31.7, 33, 7, 9].map(stageOf)).toEqual([5, 5, 3, 3]);
  });
});
