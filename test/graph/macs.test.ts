import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import { countMacs } from '../../src/graph/macs.ts';
import { type ModelSpec, viewOf } from '../helpers/model.ts';

async function macsOf(spec: ModelSpec): Promise<number | null> {
  const view = await viewOf(spec);
  return countMacs(view, inferTypes(view));
}

const CONV = { pads: [1, 1, 1, 1], strides: [2, 2] };

describe('countMacs', () => {
  it.each<[string, ModelSpec, number]>([
    [
      'a convolution: outputs x inputs x kernel x positions',
      { inputs: { x: [1, 3, 8, 8] }, weights: { w: [16, 3, 3, 3] }, nodes: [['Conv', 'x w', 'y', CONV]] },
      16 * 3 * 9 * 16,
    ],
    [
      'a depthwise one',
      {
        inputs: { x: [1, 16, 8, 8] },
        weights: { w: [16, 1, 3, 3] },
        nodes: [['Conv', 'x w', 'y', { ...CONV, group: 16 }]],
      },
      16 * 9 * 16,
    ],
    [
      'a transposed one: by its input’s positions',
      {
        inputs: { x: [1, 8, 4, 4] },
        weights: { w: [8, 5, 2, 2] },
        nodes: [['ConvTranspose', 'x w', 'y', { strides: [2, 2] }]],
      },
      8 * 5 * 4 * 16,
    ],
    [
      'a Gemm',
      { inputs: { x: [1, 32] }, weights: { w: [10, 32] }, nodes: [['Gemm', 'x w', 'y', { transB: 1 }]] },
      320,
    ],
    [
      'a MatMul',
      { inputs: { x: [1, 7, 32] }, weights: { w: [32, 10] }, nodes: [['MatMul', 'x w', 'y']] },
      7 * 320,
    ],
    ['nothing but arithmetic', { inputs: { x: [1, 7] }, nodes: [['Relu', 'x', 'y']] }, 0],
  ])('counts %s', async (_what, spec, macs) => {
    expect(await macsOf(spec)).toBe(macs);
  });

  it('counts one sample, whether the batch is open, a symbol or fixed', async () => {
    const counts = await Promise.all(
      (['N', undefined, 1, 4] as const).map((batch) =>
        macsOf({
          inputs: { x: [batch, 3, 8, 8] },
          weights: { w: [16, 3, 3, 3], f: [16, 10] },
          nodes: [
            ['Conv', 'x w', 'c', CONV],
            ['GlobalAveragePool', 'c', 'p'],
            ['Flatten', 'p', 'v'],
            ['MatMul', 'v f', 'y'],
          ],
        }),
      ),
    );
    expect(counts).toEqual(new Array(4).fill(16 * 27 * 16 + 160));
  });

  it('does not take the first axis of an input for a batch where convolutions see another one', async () => {
    expect(
      await macsOf({
        inputs: { x: [3, 8, 8] },
        weights: { w: [16, 3, 3, 3], axes: { ints: [0] } },
        nodes: [
          ['Unsqueeze', 'x axes', 'u'],
          ['Conv', 'u w', 'y', CONV],
        ],
      }),
    ).toBe(16 * 27 * 16);
  });

  it('does not guess: sizes that are open, products in bodies', async () => {
    const weights = { w: [16, 3, 3, 3] };
    expect(
      await macsOf({ inputs: { x: [1, 3, 'H', 8] }, weights, nodes: [['Conv', 'x w', 'y', CONV]] }),
    ).toBe(null);
    expect(
      await macsOf({
        inputs: { x: [1, 3, 8, 8] },
        weights,
        nodes: [['If', 'which', 'y', { then_branch: { graph: { nodes: [['Conv', 'x w', 'z']] } } }]],
      }),
    ).toBe(null);
  });
});
