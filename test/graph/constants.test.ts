import { describe, expect, it } from 'vitest';
import { strangeModels } from '../../fixtures/strange.ts';
import { wireWriter } from '../../fixtures/wire-writer.ts';
import { type Constant, constantOf, scalarOf } from '../../src/graph/constants.ts';
import { viewGraph } from '../../src/graph/view.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { errorOf } from '../helpers/error-of.ts';
import { countLookups } from '../helpers/lookups.ts';
import { type AttributeSpec, type NodeRow, type TensorSpec, viewOf } from '../helpers/model.ts';

const { BFLOAT16, BOOL, DOUBLE, FLOAT, FLOAT16, FLOAT8E4M3FN, INT64, UINT8 } = DataType;

type Known = {
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly numbers: readonly number[] | undefined;
};

function plain(constant: Constant | undefined): Known | undefined {
  return constant && { ...constant, numbers: constant.numbers && [...constant.numbers] };
}

/** What `y` is in a graph of these nodes. */
async function constantIn(
  nodes: readonly NodeRow[],
  weights: Readonly<Record<string, TensorSpec>> = {},
): Promise<Known | undefined> {
  return plain(constantOf(await viewOf({ inputs: { x: [1] }, nodes, weights }), 'y'));
}

const W = { floats: [1, 2, 3, 4, 5, 6], dims: [2, 3] };

describe('constantOf', () => {
  it('reads an initializer', async () => {
    expect(await constantIn([], { y: W })).toEqual({
      dataType: FLOAT,
      dims: [2, 3],
      numbers: [1, 2, 3, 4, 5, 6],
    });
  });

  it.each<[string, Record<string, AttributeSpec>, Known | undefined]>([
    ['value', { value: { tensor: W } }, { dataType: FLOAT, dims: [2, 3], numbers: [1, 2, 3, 4, 5, 6] }],
    ['value_float', { value_float: { float: 0.5 } }, { dataType: FLOAT, dims: [], numbers: [0.5] }],
    ['value_int', { value_int: 3 }, { dataType: INT64, dims: [], numbers: [3] }],
    ['value_floats', { value_floats: { floats: [1, 2] } }, { dataType: FLOAT, dims: [2], numbers: [1, 2] }],
    ['value_ints', { value_ints: [4, 5] }, { dataType: INT64, dims: [2], numbers: [4, 5] }],
    ['value_string', { value_string: 'a' }, undefined],
    ['nothing', {}, undefined],
  ])('reads a Constant of %s', async (_, attributes, expected) => {
    expect(await constantIn([['Constant', '', 'y', attributes]])).toEqual(expected);
  });

  it.each<[string, readonly NodeRow[], Record<string, TensorSpec>, Known | undefined]>([
    [
      'Identity',
      [['Identity', 'w', 'y']],
      { w: W },
      { dataType: FLOAT, dims: [2, 3], numbers: [1, 2, 3, 4, 5, 6] },
    ],
    ['Transpose', [['Transpose', 'w', 'y']], { w: W }, { dataType: FLOAT, dims: [3, 2], numbers: undefined }],
    [
      'Transpose with perm',
      [['Transpose', 'w', 'y', { perm: [2, 0, 1] }]],
      { w: { floats: [1, 2], dims: [1, 2, 1] } },
      { dataType: FLOAT, dims: [1, 1, 2], numbers: [1, 2] },
    ],
    [
      'DequantizeLinear',
      [['DequantizeLinear', 'w s', 'y']],
      { w: W, s: { floats: [0.5], dims: [] } },
      { dataType: FLOAT, dims: [2, 3], numbers: undefined },
    ],
    [
      'ConstantOfShape',
      [['ConstantOfShape', 's', 'y', { value: { tensor: { floats: [7] } } }]],
      { s: { ints: [2, 2] } },
      { dataType: FLOAT, dims: [2, 2], numbers: [7, 7, 7, 7] },
    ],
    [
      'ConstantOfShape of zeros',
      [['ConstantOfShape', 's', 'y']],
      { s: { ints: [2] } },
      { dataType: FLOAT, dims: [2], numbers: [0, 0] },
    ],
    [
      'ConstantOfShape of a weight',
      [['ConstantOfShape', 's', 'y']],
      { s: { ints: [64, 64, 3, 3] } },
      { dataType: FLOAT, dims: [64, 64, 3, 3], numbers: undefined },
    ],
    ['ConstantOfShape of a negative size', [['ConstantOfShape', 's', 'y']], { s: { ints: [-5] } }, undefined],
    [
      'ConstantOfShape of the input’s shape',
      [
        ['Shape', 'x', 's'],
        ['ConstantOfShape', 's', 'y'],
      ],
      {},
      undefined,
    ],
    [
      'Reshape',
      [['Reshape', 'w s', 'y']],
      { w: W, s: { ints: [3, -1] } },
      { dataType: FLOAT, dims: [3, 2], numbers: [1, 2, 3, 4, 5, 6] },
    ],
    [
      'Reshape with 0',
      [['Reshape', 'w s', 'y']],
      { w: W, s: { ints: [0, 3] } },
      { dataType: FLOAT, dims: [2, 3], numbers: [1, 2, 3, 4, 5, 6] },
    ],
    [
      'Reshape of opset 1',
      [['Reshape', 'w', 'y', { shape: [6] }]],
      { w: W },
      { dataType: FLOAT, dims: [6], numbers: [1, 2, 3, 4, 5, 6] },
    ],
    ['Reshape to an unknown shape', [['Reshape', 'w x', 'y']], { w: W }, undefined],
    [
      'Unsqueeze',
      [['Unsqueeze', 'w a', 'y']],
      { w: W, a: { ints: [0, -1] } },
      { dataType: FLOAT, dims: [1, 2, 3, 1], numbers: [1, 2, 3, 4, 5, 6] },
    ],
    [
      'Unsqueeze of opset 11',
      [['Unsqueeze', 'w', 'y', { axes: [1] }]],
      { w: W },
      { dataType: FLOAT, dims: [2, 1, 3], numbers: [1, 2, 3, 4, 5, 6] },
    ],
    ['Unsqueeze of unknown axes', [['Unsqueeze', 'w x', 'y']], { w: W }, undefined],
    [
      'Squeeze',
      [['Squeeze', 'w a', 'y']],
      { w: { floats: [1, 2], dims: [1, 2, 1] }, a: { ints: [-1] } },
      { dataType: FLOAT, dims: [1, 2], numbers: [1, 2] },
    ],
    [
      'Squeeze of all',
      [['Squeeze', 'w', 'y']],
      { w: { floats: [1, 2], dims: [1, 2, 1] } },
      { dataType: FLOAT, dims: [2], numbers: [1, 2] },
    ],
    ['Squeeze of unknown axes', [['Squeeze', 'w x', 'y']], { w: { floats: [1], dims: [1, 1] } }, undefined],
    [
      'Flatten',
      [['Flatten', 'w', 'y', { axis: 0 }]],
      { w: W },
      { dataType: FLOAT, dims: [1, 6], numbers: [1, 2, 3, 4, 5, 6] },
    ],
    [
      'all of it in a row',
      [
        ['Cast', 'w', 'a', { to: DOUBLE }],
        ['Identity', 'a', 'b'],
        ['Squeeze', 'b', 'y'],
      ],
      { w: { floats: [1, 2], dims: [1, 2] } },
      { dataType: DOUBLE, dims: [2], numbers: [1, 2] },
    ],
    ['a computation', [['Add', 'w w', 'y']], { w: W }, undefined],
    ['the graph’s input', [['Identity', 'x', 'y']], {}, undefined],
    ['an operator of another domain', [['custom:Identity', 'w', 'y']], { w: W }, undefined],
    [
      'a cycle',
      [
        ['Identity', 'z', 'y'],
        ['Identity', 'y', 'z'],
      ],
      {},
      undefined,
    ],
    ['a value that nothing makes', [], {}, undefined],
  ])('looks through %s', async (_, nodes, weights, expected) => {
    expect(await constantIn(nodes, weights)).toEqual(expected);
  });

  it.each<[string, number, readonly number[], readonly number[] | undefined]>([
    ['FLOAT', FLOAT, [0.1, -2.5], [Math.fround(0.1), -2.5]],
    ['FLOAT16', FLOAT16, [0.1, 1e6], [0.0999755859375, Number.POSITIVE_INFINITY]],
    ['BFLOAT16', BFLOAT16, [0.5, 1.00390625 + 2 ** -9], [0.5, 1.0078125]],
    ['INT64', INT64, [2.9, -2.9], [2, -2]],
    ['UINT8', UINT8, [2.9, 255], [2, 255]],
    ['BOOL', BOOL, [0.5, -1, 0], [1, 1, 0]],
    ['FLOAT8E4M3FN', FLOAT8E4M3FN, [1], undefined],
    ['a type that is still to come', 27, [1], undefined],
  ])('casts to %s', async (_, to, floats, expected) => {
    // Through float64, which holds what is written here.
    const nodes: NodeRow[] = [['Cast', 'w', 'y', { to }]];
    const made = await constantIn(nodes, { w: { floats } });
    expect(made).toEqual({ dataType: to, dims: [floats.length], numbers: expected });
  });

  it('gives no numbers of the small floats, whose codes are none', async () => {
    const w = wireWriter();
    const bytes = w.message(
      7,
      w.message(5, w.int(1, 1), w.int(2, FLOAT8E4M3FN), w.text(8, 'y'), w.message(9, Uint8Array.of(0x38))),
    );
    const view = viewGraph(await scanModel(memorySource(bytes)));
    expect(constantOf(view, 'y')).toEqual({ dataType: FLOAT8E4M3FN, dims: [1], numbers: undefined });
  });

  it('refuses an initializer whose bytes do not fit its shape', async () => {
    const w = wireWriter();
    const bytes = w.message(7, w.message(5, w.int(1, 2), w.int(2, FLOAT), w.text(8, 'y'), w.float(4, 1)));
    const view = viewGraph(await scanModel(memorySource(bytes)));
    expect((await errorOf(() => constantOf(view, 'y')?.numbers)).code).toBe('onnx/tensor-data-size');
  });

  it('costs little where operands branch again and again', async () => {
    const nodes: NodeRow[] = [];
    for (let at = 0; at < 64; at += 1)
      nodes.push([at % 2 === 0 ? 'DequantizeLinear' : 'Reshape', `${at} ${at}`, `${at + 1}`]);
    const view = await viewOf({ nodes });
    const lookups = countLookups(view, (watched) => {
      for (let at = 0; at < 64; at += 1) constantOf(watched, `${at + 1}`);
    });
    // A full tree of the same depth has 2^16 nodes for each of them.
    expect(lookups / 64).toBeLessThan(1000);
  });

  it('resolves the weights of every strange model', async () => {
    for (const { name, bytes } of strangeModels()) {
      const view = viewGraph(await scanModel(memorySource(bytes)));
      const convs = view.nodes.filter(({ opType }) => opType === 'Conv');
      expect(convs.length).toBeGreaterThan(2);
      for (const { input } of convs) {
        expect([name, constantOf(view, input[1] ?? '')?.dims.length]).toEqual([name, 4]);
      }
    }
  });
});

describe('scalarOf', () => {
  it('gives the number of a tensor of one', async () => {
    const view = await viewOf({
      nodes: [['Constant', '', 'c', { value_float: { float: 6 } }]],
      weights: {
        one: { floats: [1], dims: [1, 1] },
        none: { floats: [], dims: [0] },
        two: { floats: [1, 2] },
      },
    });
    expect(['c', 'one', 'none', 'two', 'unknown'].map((value) => scalarOf(view, value))).toEqual([
      6,
      1,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
