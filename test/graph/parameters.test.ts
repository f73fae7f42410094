import { describe, expect, it } from 'vitest';
import { countParameters } from '../../src/graph/parameters.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { type ModelSpec, viewOf } from '../helpers/model.ts';

async function parametersOf(spec: ModelSpec): Promise<number> {
  return countParameters(await viewOf(spec));
}

const W = [4, 3, 1, 1];

describe('countParameters', () => {
  it('counts weights wherever they are kept, each once', async () => {
    const initializer = {
      weights: { w: W },
      nodes: [
        ['Conv', 'x w', 'y'],
        ['Conv', 'z w', 'v'],
      ],
    } as const;
    const constant = {
      nodes: [
        ['Constant', '', 'w', { value: { tensor: W } }],
        ['Conv', 'x w', 'y'],
      ],
    } as const;
    const filled = {
      weights: { shape: { ints: W } },
      nodes: [
        ['ConstantOfShape', 'shape', 'w'],
        ['Conv', 'x w', 'y'],
      ],
    } as const;
    for (const spec of [initializer, constant, filled]) expect(await parametersOf(spec)).toBe(12);
  });

  it('follows a weight through the operators that hand it on', async () => {
    expect(
      await parametersOf({
        weights: { w: [3, 4], flat: [12] },
        nodes: [
          ['Transpose', 'w', 't'],
          ['Identity', 't', 'i'],
          ['MatMul', 'x i', 'y'],
          ['Reshape', 'flat shape', 'r'],
          ['MatMul', 'x r', 'z'],
        ],
      }),
    ).toBe(24);
  });

  it('takes a bias of one element, and no scalar of an operator', async () => {
    expect(
      await parametersOf({
        weights: { w: [1, 3, 1, 1], b: [1], low: [], epsilon: [1], scale: [3] },
        nodes: [
          ['Conv', 'x w b', 'c'],
          ['Add', 'c epsilon', 'd'],
          ['Clip', 'd low', 'e'],
          ['Mul', 'e scale', 'y'],
        ],
      }),
    ).toBe(3 + 1 + 3);
  });

  it('leaves out what steers an operator, and what nobody reads', async () => {
    expect(
      await parametersOf({
        weights: { roi: [8], scales: [4], unused: [100], shape: { ints: [1, 2] } },
        nodes: [
          ['Resize', 'x roi scales', 'r'],
          ['Reshape', 'r shape', 'y'],
        ],
      }),
    ).toBe(0);
  });

  it('counts quantized weights, and not their scales', async () => {
    const int8 = { type: DataType.INT8, dims: [4, 3, 1, 1] };
    expect(
      await parametersOf({
        weights: {
          q: int8,
          s: [4],
          z: { type: DataType.INT8, dims: [4] },
          w: int8,
          b: { type: DataType.INT32, dims: [4] },
        },
        nodes: [
          ['DequantizeLinear', 'q s z', 'd'],
          ['Conv', 'x d', 'y'],
          ['QLinearConv', 'x s z w s z s z b', 'v'],
        ],
      }),
    ).toBe(12 + 12 + 4);
  });

  it('counts weights in bodies, of both branches', async () => {
    const body = (name: string) => ({
      graph: { weights: { [name]: W }, nodes: [['Conv', `x ${name}`, `${name}.y`]], outputs: {} } as const,
    });
    expect(
      await parametersOf({
        weights: { outer: W },
        nodes: [
          ['If', 'which', 'y', { then_branch: body('a'), else_branch: body('b') }],
          ['Conv', 'x outer', 'z'],
        ],
      }),
    ).toBe(36);
  });
});
