import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import type { ValueType } from '../../src/graph/types.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { type AttributeSpec, type TensorSpec, type TypeSpec, viewOf } from '../helpers/model.ts';

const { BOOL, DOUBLE, FLOAT, FLOAT16, INT32, INT64, INT8, UINT8 } = DataType;

/** An operand: a declared type, or a constant; `undefined` is one left out. */
type Operand = TypeSpec | { readonly constant: TensorSpec } | undefined;
interface Call {
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  readonly opset?: number;
  readonly outputs?: number;
}
type Expected = readonly (number | string | undefined)[] | undefined;

const ints = (...values: number[]): Operand => ({ constant: { ints: values } });
const scalar = (value: number): Operand => ({ constant: { ints: [value], dims: [] } });
const floats = (...values: number[]): Operand => ({ constant: { floats: values } });
const typed = (type: number, ...dims: (number | string | undefined)[]): Operand => ({ type, dims });
const rankless: Operand = { type: FLOAT };

async function infer(
  op: string,
  operands: readonly Operand[],
  { attributes = {}, opset, outputs = 1 }: Call = {},
) {
  const inputs: Record<string, TypeSpec> = {};
  const weights: Record<string, TensorSpec> = {};
  const names = operands.map((operand, at) => {
    if (operand === undefined) return '_';
    if ('constant' in operand) weights[`i${at}`] = operand.constant;
    else inputs[`i${at}`] = operand;
    return `i${at}`;
  });
  const results = Array.from({ length: outputs }, (_, at) => `o${at}`);
  const view = await viewOf({
    inputs,
    weights,
    nodes: [[op, names.join(' '), results.join(' '), attributes]],
    opsets: { 'com.microsoft': 1 },
    ...(opset === undefined ? {} : { opset }),
  });
  const types = inferTypes(view);
  return results.map((value) => types.get(value) as ValueType);
}

type Row = readonly [op: string, operands: readonly Operand[], call: Call, expected: Expected];

function rows(name: string, cases: readonly Row[]): void {
  it.each(cases)(`${name}: %s %j %j gives %j`, async (op, operands, call, expected) => {
    const [first] = await infer(op, operands, call);
    expect(first?.shape).toEqual(expected);
  });
}

const at = (attributes: Readonly<Record<string, AttributeSpec>>, opset?: number): Call =>
  opset === undefined ? { attributes } : { attributes, opset };

describe('convolutions', () => {
  const image = [1, 3, 7, 'W'];
  rows('shapes', [
    ['Conv', [image, [8, 3, 3, 3]], {}, [1, 8, 5, undefined]],
    ['Conv', [image, [8, 3, 3, 3]], at({ pads: [1, 1, 1, 1] }), [1, 8, 7, 'W']],
    ['Conv', [image, [8, 3, 3, 3]], at({ pads: [2, 2, 2, 2], dilations: [2, 2] }), [1, 8, 7, 'W']],
    ['Conv', [image, [8, 3, 3, 3]], at({ strides: [2, 1], pads: [1, 0, 0, 2] }), [1, 8, 3, 'W']],
    ['Conv', [image, [8, 3, 4, 4]], at({ strides: [2, 1], auto_pad: 'SAME_UPPER' }), [1, 8, 4, 'W']],
    [
      'Conv',
      [image, [8, 3, 4, 4]],
      at({ strides: [2, 1], auto_pad: 'VALID', pads: [9, 9, 9, 9] }),
      [1, 8, 2, undefined],
    ],
    [
      'Conv',
      [
        ['N', 3, 9],
        [8, 3, 3],
      ],
      at({ strides: [3] }),
      ['N', 8, 3],
    ],
    [
      'Conv',
      [
        ['N', 3, 9, 9, 9],
        [8, 3, 3, 3, 3],
      ],
      {},
      ['N', 8, 7, 7, 7],
    ],
    ['Conv', [rankless, [8, 3, 3, 3]], {}, [undefined, 8, undefined, undefined]],
    [
      'Conv',
      [
        [1, 3, 9],
        [8, 3, 3, 3],
      ],
      {},
      [undefined, 8, undefined, undefined],
    ],
    ['Conv', [image, rankless], at({ kernel_shape: [1, 1] }), [1, undefined, 7, 'W']],
    ['Conv', [rankless, rankless], {}, undefined],
    [
      'Conv',
      [
        [1, 3, 2, 2],
        [8, 3, 3, 3],
      ],
      {},
      [1, 8, undefined, undefined],
    ],
    ['Conv', [image, [8, 3, 3, 3]], at({ strides: [0, -1] }), [1, 8, undefined, undefined]],
    ['Conv', [image, [8, 3, 3, 3]], at({ pads: [1, 1] }), [1, 8, undefined, undefined]],
    ['com.microsoft:FusedConv', [image, [8, 3, 3, 3]], {}, [1, 8, 5, undefined]],
    [
      'com.microsoft:NhwcFusedConv',
      [
        [1, 7, 'W', 3],
        [8, 3, 1, 3],
      ],
      at({ pads: [0, 1, 0, 1] }),
      [1, 7, 'W', 8],
    ],
    [
      'ConvTranspose',
      [
        [1, 8, 7, 'W'],
        [8, 3, 2, 1],
      ],
      at({ strides: [2, 1] }),
      [1, 3, 14, 'W'],
    ],
    [
      'ConvTranspose',
      [
        [1, 8, 7, 7],
        [8, 3, 3, 3],
      ],
      at({ strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 0], group: 2 }),
      [1, 6, 14, 13],
    ],
    [
      'ConvTranspose',
      [
        [1, 8, 7, 7],
        [8, 3, 3, 3],
      ],
      at({ output_shape: [20, 21] }),
      [1, 3, 20, 21],
    ],
    [
      'ConvTranspose',
      [
        [1, 8, 7, 7],
        [8, 3, 3, 3],
      ],
      at({ output_shape: [1, 3, 20, 21] }),
      [1, 3, 20, 21],
    ],
    [
      'ConvTranspose',
      [
        [1, 8, 7, 7],
        [8, 3, 4, 4],
      ],
      at({ strides: [2, 3], auto_pad: 'SAME_UPPER' }),
      [1, 3, 14, 21],
    ],
    [
      'ConvTranspose',
      [
        [1, 8, 7, 'W'],
        [8, 3, 1, 1],
      ],
      at({ strides: [2, 1], auto_pad: 'SAME_UPPER' }),
      [1, 3, 13, 'W'],
    ],
  ]);

  it('give integers their own types', async () => {
    const u8 = typed(UINT8, 1, 3, 5, 5);
    const weight: Operand = { constant: { type: INT8, dims: [8, 3, 1, 1] } };
    expect(await infer('ConvInteger', [u8, weight])).toEqual([{ dataType: INT32, shape: [1, 8, 5, 5] }]);
    const scale = floats(1);
    const zero: Operand = { constant: { type: INT8, dims: [] } };
    const operands = [u8, scale, zero, weight, scale, zero, scale, zero];
    expect(await infer('QLinearConv', operands)).toEqual([{ dataType: INT8, shape: [1, 8, 5, 5] }]);
    const last = [typed(UINT8, 1, 5, 5, 3), ...operands.slice(1)];
    expect(await infer('com.microsoft:QLinearConv', last, at({ channels_last: 1 }))).toEqual([
      { dataType: INT8, shape: [1, 5, 5, 8] },
    ]);
  });
});

describe('poolings', () => {
  const image = ['N', 8, 7, 'W'];
  rows('shapes', [
    ['MaxUnpool', [[1, 8, 4, 4], [1, 8, 4, 4], ints(1, 8, 9, 9)], at({ kernel_shape: [2, 2] }), [1, 8, 9, 9]],
    [
      'MaxUnpool',
      [[1, 8, 4], [1, 8, 4], typed(INT64, 3)],
      at({ kernel_shape: [2] }),
      [undefined, undefined, undefined],
    ],
    ['MaxPool', [image], at({ kernel_shape: [2, 2], strides: [1] }), ['N', 8, undefined, undefined]],
    ['MaxPool', [image], at({ kernel_shape: [2, 1], strides: [2, 1] }), ['N', 8, 3, 'W']],
    ['MaxPool', [image], at({ kernel_shape: [2, 1], strides: [2, 1], ceil_mode: 1 }), ['N', 8, 4, 'W']],
    // The third window would start behind the data.
    [
      'AveragePool',
      [[1, 1, 5, 1]],
      at({ kernel_shape: [2, 1], strides: [3, 1], pads: [1, 0, 1, 0], ceil_mode: 1 }),
      [1, 1, 2, 1],
    ],
    ['AveragePool', [image], at({ kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), ['N', 8, 7, 'W']],
    ['MaxPool', [[1, 1, 9]], at({ kernel_shape: [2], dilations: [3] }), [1, 1, 6]],
    ['LpPool', [rankless], at({ kernel_shape: [2, 2] }), [undefined, undefined, undefined, undefined]],
    ['MaxPool', [[3]], {}, undefined],
    ['GlobalAveragePool', [image], {}, ['N', 8, 1, 1]],
    ['GlobalMaxPool', [['N', 8, 'L']], {}, ['N', 8, 1]],
    ['com.microsoft:QLinearGlobalAveragePool', [[1, 7, 7, 8]], at({ channels_last: 1 }), [1, 1, 1, 8]],
    [
      'com.microsoft:QLinearAveragePool',
      [[1, 8, 8, 3]],
      at({ kernel_shape: [2, 2], strides: [2, 2], channels_last: 1 }),
      [1, 4, 4, 3],
    ],
    [
      'com.microsoft:NhwcMaxPool',
      [[1, 8, 8, 3]],
      at({ kernel_shape: [2, 2], strides: [2, 2] }),
      [1, 4, 4, 3],
    ],
    [
      'MaxUnpool',
      [
        [1, 8, 4, 4],
        [1, 8, 4, 4],
      ],
      at({ kernel_shape: [2, 2], strides: [2, 2] }),
      [1, 8, 8, 8],
    ],
    ['RoiAlign', [image, ['R', 4], ['R']], at({ output_height: 5, output_width: 6 }), ['R', 8, 5, 6]],
  ]);

  it('tell where the maxima were in INT64', async () => {
    const call = { attributes: { kernel_shape: [1] }, outputs: 2 };
    expect(await infer('MaxPool', [typed(FLOAT16, 'N', 2, 3)], call)).toEqual([
      { dataType: FLOAT16, shape: ['N', 2, 3] },
      { dataType: INT64, shape: ['N', 2, 3] },
    ]);
  });
});

describe('elementwise operators', () => {
  rows('broadcast', [
    [
      'Add',
      [
        ['N', 3, 'H', 'W'],
        [3, 1, 1],
      ],
      {},
      ['N', 3, 'H', 'W'],
    ],
    [
      'Mul',
      [
        ['N', 8, 1, 1],
        ['N', 8, 'H', 'W'],
      ],
      {},
      ['N', 8, 'H', 'W'],
    ],
    ['Sub', [[5], ['N', undefined]], {}, ['N', 5]],
    ['Div', [['A'], ['B']], {}, [undefined]],
    ['Pow', [['A'], [undefined]], {}, [undefined]],
    ['Max', [[2], [3]], {}, [undefined]],
    ['Add', [{ constant: [0] }, [1]], {}, [0]],
    ['Add', [rankless, [2]], {}, undefined],
    [
      'Sum',
      [
        [1, 2],
        [3, 1],
        [1, 1, 1],
      ],
      {},
      [1, 3, 2],
    ],
    ['Where', [typed(BOOL, 'N', 1), [1, 4], []], {}, ['N', 4]],
    ['Add', [[2, 3, 4, 5], [3]], at({ broadcast: 1, axis: 1 }, 6), [2, 3, 4, 5]],
    [
      'PRelu',
      [
        ['N', 3, 4, 4],
        [3, 1, 1],
      ],
      {},
      ['N', 3, 4, 4],
    ],
    ['com.microsoft:BiasGelu', [['N', 4, 8], [8]], {}, ['N', 4, 8]],
  ]);

  it('know the types of their results', async () => {
    const half = typed(FLOAT16, 2);
    const typeOf = async (op: string, operands: readonly Operand[], call: Call = {}) =>
      (await infer(op, operands, call)).map(({ dataType }) => dataType);
    expect(await typeOf('Add', [half, half])).toEqual([FLOAT16]);
    expect(await typeOf('Pow', [half, typed(INT64, 1)])).toEqual([FLOAT16]);
    expect(await typeOf('Less', [half, half])).toEqual([BOOL]);
    expect(await infer('IsNaN', [half])).toEqual([{ dataType: BOOL, shape: [2] }]);
    expect(await typeOf('Where', [typed(BOOL, 1), half, half])).toEqual([FLOAT16]);
    expect(await typeOf('Cast', [half], at({ to: DOUBLE }))).toEqual([DOUBLE]);
    expect(await typeOf('Cast', [half], at({ to: 'DOUBLE' }, 5))).toEqual([DOUBLE]);
    expect(await typeOf('CastLike', [half, typed(INT32, 1)])).toEqual([INT32]);
    expect(await typeOf('Dropout', [half], { outputs: 2 })).toEqual([FLOAT16, BOOL]);
    expect(await typeOf('Dropout', [half], { outputs: 2, opset: 7 })).toEqual([FLOAT16, FLOAT16]);
    for (const op of ['Relu', 'HardSwish', 'Clip', 'Gelu', 'Mish', 'Softmax', 'com.microsoft:QuickGelu']) {
      expect(await infer(op, [half])).toEqual([{ dataType: FLOAT16, shape: [2] }]);
    }
  });
});

describe('layout operators', () => {
  rows('shapes', [
    ['Reshape', [[1], ints()], {}, []],
    ['com.microsoft.nchwc:ReorderInput', [['N', 32, 'H', 'W']], {}, ['N', 32, 'H', 'W']],
    ['com.microsoft.nchwc:ReorderInput', [['N', 3, 'H', 'W']], {}, ['N', undefined, 'H', 'W']],
    [
      'com.microsoft.nchwc:ReorderInput',
      [['N', 'H', 'W', 32]],
      at({ channels_last: 1 }),
      ['N', 32, 'H', 'W'],
    ],
    ['com.microsoft.nchwc:ReorderOutput', [['N', 16, 'H', 'W']], at({ channels: 10 }), ['N', 10, 'H', 'W']],
    [
      'com.microsoft.nchwc:ReorderOutput',
      [['N', 16, 'H', 'W']],
      at({ channels_last: 1 }),
      ['N', 'H', 'W', undefined],
    ],
    ['Reshape', [['N', 6, 4], ints(0, 2, -1)], {}, ['N', 2, 12]],
    ['Reshape', [['N', 6, 'W'], ints(0, -1)], {}, ['N', undefined]],
    ['Reshape', [['N', 6, 4], ints(-1, 24)], {}, ['N', 24]],
    ['Reshape', [['N', 6, 'W'], ints(0, 2, 3, -1)], {}, ['N', 2, 3, 'W']],
    ['Reshape', [['N', 6, 4], ints(-1, 12)], {}, [undefined, 12]],
    ['Reshape', [['N', 'N', 4], ints(4, -1)], {}, [4, undefined]],
    ['Reshape', [[4, 6], ints(-1, 5)], {}, [undefined, 5]],
    ['Reshape', [[0, 6], ints(0, 3)], at({ allowzero: 1 }), [0, 3]],
    ['Reshape', [[2, 6]], at({ shape: [3, -1] }, 1), [3, 4]],
    ['Reshape', [[2, 6], typed(INT64, 3)], {}, [undefined, undefined, undefined]],
    ['Reshape', [[2, 6], typed(INT64, 'n')], {}, undefined],
    ['Reshape', [rankless, ints(1, 64, -1)], {}, [1, 64, undefined]],
    ['Flatten', [['N', 3, 4]], {}, ['N', 12]],
    ['Flatten', [[2, 3, 4]], at({ axis: 0 }), [1, 24]],
    ['Flatten', [[2, 3, 4]], at({ axis: 3 }), [24, 1]],
    ['Flatten', [[2, 3, 4]], at({ axis: -1 }), [6, 4]],
    ['Flatten', [rankless], {}, [undefined, undefined]],
    ['Transpose', [['N', 'H', 'W', 3]], at({ perm: [0, 3, 1, 2] }), ['N', 3, 'H', 'W']],
    ['Transpose', [[2, 3, 4]], {}, [4, 3, 2]],
    ['Transpose', [rankless], at({ perm: [1, 0] }), [undefined, undefined]],
    ['Transpose', [[2, 3]], at({ perm: [0, 0] }), [undefined, undefined]],
    ['Squeeze', [[1, 3, 1], ints(-1)], {}, [1, 3]],
    ['Squeeze', [[1, 3, 1]], at({ axes: [0] }, 11), [3, 1]],
    ['Squeeze', [[1, 3, 1]], {}, [3]],
    ['Squeeze', [[1, 'N']], {}, undefined],
    ['Squeeze', [[1, 3, 1], ints(5)], {}, [undefined, undefined]],
    ['Unsqueeze', [[3, 'W'], ints(0, -1)], {}, [1, 3, 'W', 1]],
    ['Unsqueeze', [[3]], at({ axes: [1] }, 11), [3, 1]],
    ['Unsqueeze', [[3], typed(INT64, 2)], {}, [undefined, undefined, undefined]],
    ['Expand', [['N', 1], ints(3, 1, 4)], {}, [3, 'N', 4]],
    ['Tile', [['N', 2], ints(1, 3)], {}, ['N', 6]],
    ['DepthToSpace', [['N', 12, 2, 'W']], at({ blocksize: 2 }), ['N', 3, 4, undefined]],
    ['SpaceToDepth', [['N', 3, 4, 6]], at({ blocksize: 2 }), ['N', 12, 2, 3]],
    ['DepthToSpace', [['N', 12, 2, 2]], at({ blocksize: 0 }), ['N', undefined, 0, 0]],
    [
      'Einsum',
      [
        ['b', 4, 5],
        ['b', 5, 6],
      ],
      at({ equation: 'bij, bjk -> bik' }),
      ['b', 4, 6],
    ],
    [
      'Einsum',
      [
        [4, 5],
        [5, 6],
      ],
      at({ equation: 'ij,jk' }),
      [4, 6],
    ],
    ['Einsum', [[4, 5]], at({ equation: '...i->...i' }), undefined],
    [
      'GridSample',
      [
        [1, 3, 8, 8],
        [1, 5, 6, 2],
      ],
      {},
      [1, 3, 5, 6],
    ],
  ]);
});

describe('slicing operators', () => {
  const END = 9223372036854775000;
  rows('shapes', [
    [
      'Concat',
      [
        ['N', 3],
        ['N', 4],
      ],
      at({}, 3),
      ['N', 7],
    ],
    ['Concat', [['N', 3, 4], [undefined, 5, 4], rankless], at({ axis: 1 }), ['N', undefined, 4]],
    [
      'Concat',
      [
        ['N', 3, 4],
        [1, 5, undefined],
      ],
      at({ axis: -2 }),
      [1, 8, 4],
    ],
    ['Concat', [[1], [1, 2]], at({ axis: 0 }), [undefined]],
    ['Concat', [[1, 2]], at({ axis: 7 }), [undefined, undefined]],
    ['Split', [['N', 8]], { attributes: { axis: 1 }, outputs: 2 }, ['N', 4]],
    ['Split', [[7, 2], ints(3, 4)], { outputs: 2 }, [3, 2]],
    ['Split', [[7, 2]], { attributes: { split: [5, 2] }, outputs: 2, opset: 11 }, [5, 2]],
    ['Split', [[7, 2]], { attributes: { num_outputs: 3 }, outputs: 3, opset: 18 }, [3, 2]],
    // A sequence has the type that its elements have in common.
    ['SplitToSequence', [['N', 8], ints(4, 4)], { attributes: { axis: 1 } }, ['N', 4]],
    ['SplitToSequence', [['N', 8], ints(3, 5)], { attributes: { axis: 1 } }, ['N', undefined]],
    ['SplitToSequence', [[7, 2]], {}, undefined],
    ['SequenceAt', [[4, 2], ints(1)], {}, [4, 2]],
    ['Slice', [[10, 'W'], ints(2), ints(END)], {}, [8, 'W']],
    ['Slice', [[10, 'W'], ints(-3, 0), ints(-1, END), ints(0, 1)], {}, [2, 'W']],
    ['Slice', [[10], ints(0), ints(10), undefined, ints(3)], {}, [4]],
    ['Slice', [[10], ints(-1), ints(-END), ints(0), ints(-1)], {}, [10]],
    ['Slice', [['H'], ints(-1), ints(-END), ints(0), ints(-1)], {}, ['H']],
    ['Slice', [['H'], ints(1), ints(END)], {}, [undefined]],
    ['Slice', [[10, 4]], at({ starts: [1], ends: [3], axes: [1] }, 9), [10, 2]],
    ['Slice', [[10, 4], typed(INT64, 1), typed(INT64, 1)], {}, [undefined, 4]],
    ['Slice', [[10, 4], typed(INT64, 1), typed(INT64, 1), typed(INT64, 1)], {}, [undefined, undefined]],
    ['Slice', [[10], ints(8), ints(3)], {}, [0]],
    ['Pad', [['N', 4], ints(0, 1, 0, 2)], {}, ['N', 7]],
    ['Pad', [['N', 4], ints(1, -1), undefined, ints(1)], at({}, 18), ['N', 4]],
    ['Pad', [['N', 4]], at({ pads: [0, 1, 0, 1] }, 10), ['N', 6]],
    ['Pad', [['N', 4]], at({ paddings: [0, 1, 0, 1] }, 1), ['N', 6]],
    ['Crop', [[1, 3, 10, 10]], at({ border: [1, 2, 3, 4] }, 6), [1, 3, 4, 6]],
    ['Gather', [['N', 8, 4], scalar(0)], at({ axis: 1 }), ['N', 4]],
    [
      'Gather',
      [
        ['N', 8],
        [2, 3],
      ],
      at({ axis: -1 }),
      ['N', 2, 3],
    ],
    [
      'GatherElements',
      [
        [4, 4],
        [2, 4],
      ],
      {},
      [2, 4],
    ],
    [
      'GatherND',
      [
        ['N', 5, 6],
        ['N', 2, 1],
      ],
      at({ batch_dims: 1 }),
      ['N', 2, 6],
    ],
    ['Resize', [['N', 3, 4, 'W'], undefined, floats(1, 1, 2.5, 1)], {}, ['N', 3, 10, 'W']],
    ['Resize', [['N', 3, 4, 4], undefined, undefined, ints(1, 3, 9, 8)], {}, [1, 3, 9, 8]],
    ['Resize', [['N', 3, 4, 4], floats(1, 1, 2, 2)], at({}, 10), ['N', 3, 8, 8]],
    ['Resize', [['N', 3, 4, 4], undefined, undefined, ints(9, 8)], at({ axes: [2, -1] }, 18), ['N', 3, 9, 8]],
    [
      'Resize',
      [['N', 3, 4, 4], undefined, undefined, typed(INT64, 4)],
      {},
      [undefined, undefined, undefined, undefined],
    ],
    [
      'Upsample',
      [['N', 3, 4, 4]],
      at({ height_scale: { float: 2 }, width_scale: { float: 3 } }, 6),
      ['N', 3, 8, 12],
    ],
    ['Upsample', [['N', 3, 4, 4]], at({ scales: { floats: [1, 1, 2, 2] } }, 7), ['N', 3, 8, 8]],
    ['Upsample', [['N', 3, 4, 4], floats(1, 1, 2, 2)], at({}, 9), ['N', 3, 8, 8]],
    // float32: 3 * 1.6666666 is 5, not 4.9999998.
    ['Resize', [[3], undefined, floats(5 / 3)], {}, [5]],
    ['com.microsoft:QLinearConcat', [[], [], [1, 3], [], [], [1, 5], [], []], at({ axis: 1 }), [1, 8]],
  ]);

  it('keep the type of what they take from', async () => {
    const half = typed(FLOAT16, 4, 4);
    const open: Operand = { type: DataType.UNDEFINED, dims: [4, 4] };
    expect(await infer('Concat', [open, half], at({ axis: 0 }))).toEqual([
      { dataType: FLOAT16, shape: [8, 4] },
    ]);
    for (const op of ['Gather', 'GatherElements', 'GatherND']) {
      expect(await infer(op, [half, typed(INT64, 4, 1)])).toMatchObject([{ dataType: FLOAT16 }]);
    }
  });

  it('give the last part of an uneven split what is left', async () => {
    const call = { attributes: { num_outputs: 3 }, outputs: 3, opset: 18 };
    expect((await infer('Split', [[7]], call)).map(({ shape }) => shape)).toEqual([[3], [3], [1]]);
  });
});

describe('reductions', () => {
  const image = ['N', 8, 7, 7];
  rows('shapes', [
    ['ReduceMean', [image], at({ axes: [2, 3] }), ['N', 8, 1, 1]],
    ['ReduceMean', [image], at({ axes: [-1, -2], keepdims: 0 }), ['N', 8]],
    ['ReduceMean', [image, ints(2, 3)], at({}, 18), ['N', 8, 1, 1]],
    ['ReduceSum', [image], {}, [1, 1, 1, 1]],
    ['ReduceSum', [image], at({ keepdims: 0 }), []],
    ['ReduceSum', [image], at({ noop_with_empty_axes: 1 }), image],
    ['ReduceMax', [image, typed(INT64, 2)], at({ keepdims: 0 }, 18), [undefined, undefined]],
    ['ReduceMax', [image, typed(INT64, 2)], at({}, 18), [undefined, undefined, undefined, undefined]],
    ['ReduceMax', [image], at({ axes: [9] }), [undefined, undefined, undefined, undefined]],
    ['ArgMax', [image], at({ axis: 1 }), ['N', 1, 7, 7]],
    ['ArgMax', [image], at({ axis: 1, keepdims: 0 }), ['N', 7, 7]],
    ['TopK', [['N', 100], ints(5)], {}, ['N', 5]],
  ]);
});

describe('matrix products', () => {
  it('know their types', async () => {
    const half = typed(FLOAT16, 2, 2);
    const [u8, i8] = [typed(UINT8, 2, 2), typed(INT8, 2, 2)];
    const open: Operand = { type: DataType.UNDEFINED };
    for (const op of ['Gemm', 'MatMul', 'com.microsoft:FusedGemm', 'com.microsoft:FusedMatMul']) {
      expect(await infer(op, [half, open])).toMatchObject([{ dataType: FLOAT16 }]);
    }
    expect(await infer('MatMulInteger', [typed(UINT8, 3, 2), i8])).toEqual([
      { dataType: INT32, shape: [3, 2] },
    ]);
    const rest = [floats(1), typed(INT8), i8, floats(1), typed(INT8)];
    expect(await infer('QLinearMatMul', [u8, ...rest, floats(1), typed(INT8)])).toEqual([
      { dataType: INT8, shape: [2, 2] },
    ]);
    const bias = typed(INT32, 2);
    expect(await infer('com.microsoft:QGemm', [u8, ...rest, bias])).toEqual([
      { dataType: FLOAT, shape: [2, 2] },
    ]);
    expect(await infer('com.microsoft:QGemm', [u8, ...rest, bias, floats(1), typed(INT8)])).toEqual([
      { dataType: INT8, shape: [2, 2] },
    ]);
    expect(await infer('com.microsoft:MatMulIntegerToFloat', [u8, i8])).toEqual([
      { dataType: FLOAT, shape: [2, 2] },
    ]);
  });

  rows('shapes', [
    [
      'MatMul',
      [
        ['N', 4, 5],
        [5, 6],
      ],
      {},
      ['N', 4, 6],
    ],
    ['MatMul', [[5], [5, 6]], {}, [6]],
    ['MatMul', [[4, 5], [5]], {}, [4]],
    [
      'MatMul',
      [
        [2, 1, 4, 5],
        [3, 5, 6],
      ],
      {},
      [2, 3, 4, 6],
    ],
    ['MatMul', [[], [5]], {}, undefined],
    [
      'Gemm',
      [
        ['N', 5],
        [6, 5],
      ],
      at({ transB: 1 }),
      ['N', 6],
    ],
    [
      'Gemm',
      [
        [5, 'N'],
        [5, 6],
      ],
      at({ transA: 1 }),
      ['N', 6],
    ],
    ['Gemm', [rankless, [5, 6]], {}, [undefined, 6]],
    [
      'com.microsoft:FusedGemm',
      [
        ['N', 5],
        [6, 5],
      ],
      at({ transB: 1 }),
      ['N', 6],
    ],
    [
      'com.microsoft:FusedMatMul',
      [
        ['N', 4, 5],
        ['N', 6, 5],
      ],
      at({ transB: 1 }),
      ['N', 4, 6],
    ],
    ['com.microsoft:MatMulNBits', [['N', 4, 64], [8, 2, 16], [16]], at({ N: 8, K: 64 }), ['N', 4, 8]],
  ]);
});

describe('normalizations', () => {
  rows('shapes', [
    ['LayerNormalization', [rankless, [8]], {}, undefined],
    ['GroupNormalization', [['N', 8, 'H', 'W'], [2], [2]], {}, ['N', 8, 'H', 'W']],
    ['LRN', [['N', 8, 'H', 'W']], at({ size: 5 }), ['N', 8, 'H', 'W']],
    ['com.microsoft:SkipLayerNormalization', [['N', 'T', 8], [1, 'T', 8], [8]], {}, ['N', 'T', 8]],
  ]);

  it('know the channels from their scale', async () => {
    const parameter: Operand = { constant: [16] };
    const operands = [['N', undefined, 'H', 'W'], parameter, parameter, parameter, parameter];
    expect((await infer('BatchNormalization', operands))[0]?.shape).toEqual(['N', 16, 'H', 'W']);
    expect((await infer('InstanceNormalization', operands.slice(0, 3)))[0]?.shape).toEqual([
      'N',
      16,
      'H',
      'W',
    ]);
  });

  it('give statistics', async () => {
    const types = await infer('LayerNormalization', [typed(FLOAT16, 'N', 4, 8), [8], [8]], { outputs: 3 });
    expect(types).toEqual([
      { dataType: FLOAT16, shape: ['N', 4, 8] },
      { dataType: FLOAT, shape: ['N', 4, 1] },
      { dataType: FLOAT, shape: ['N', 4, 1] },
    ]);
  });
});

describe('quantizers', () => {
  it('know their types', async () => {
    const zero = typed(INT8);
    const half = typed(FLOAT16);
    expect(await infer('QuantizeLinear', [['N', 2], [], zero])).toEqual([
      { dataType: INT8, shape: ['N', 2] },
    ]);
    expect(await infer('QuantizeLinear', [['N', 2], []])).toEqual([{ dataType: UINT8, shape: ['N', 2] }]);
    expect(await infer('QuantizeLinear', [['N', 2], []], at({ output_dtype: INT8 }, 21))).toEqual([
      { dataType: INT8, shape: ['N', 2] },
    ]);
    expect(await infer('DequantizeLinear', [typed(INT8, 'N', 2), half, zero])).toEqual([
      { dataType: FLOAT16, shape: ['N', 2] },
    ]);
    expect(await infer('DynamicQuantizeLinear', [['N', 2]], { outputs: 3 })).toEqual([
      { dataType: UINT8, shape: ['N', 2] },
      { dataType: FLOAT, shape: [] },
      { dataType: UINT8, shape: [] },
    ]);
    const sum = [
      typed(UINT8, 'N', 2, 1),
      [],
      typed(UINT8),
      typed(UINT8, 1, 2, 3),
      [],
      typed(UINT8),
      [],
      typed(UINT8),
    ];
    expect(await infer('com.microsoft:QLinearAdd', sum)).toEqual([{ dataType: UINT8, shape: ['N', 2, 3] }]);
  });
});

describe('operators that make tensors', () => {
  rows('shapes', [
    ['NonZero', [['N', 3, 4]], {}, [3, undefined]],
    ['Shape', [['N', 3, 4]], {}, [3]],
    ['Shape', [['N', 3, 4]], at({ start: -2, end: 9 }, 15), [2]],
    ['Size', [['N', 3, 4]], {}, []],
    ['ConstantOfShape', [ints(2, 3)], {}, [2, 3]],
    ['ConstantOfShape', [typed(INT64, 4)], {}, [undefined, undefined, undefined, undefined]],
    ['ConstantOfShape', [typed(INT64, 2 ** 40)], {}, undefined],
    ['Range', [scalar(3), scalar(10), scalar(2)], {}, [4]],
    ['OneHot', [['N'], scalar(10), [2]], {}, ['N', 10]],
    ['OneHot', [['N'], scalar(10), [2]], at({ axis: 0 }), [10, 'N']],
    [
      'NonMaxSuppression',
      [
        [1, 9, 4],
        [1, 2, 9],
      ],
      {},
      [undefined, 3],
    ],
    ['RandomNormal', [], at({ shape: [2, 3] }), [2, 3]],
    [
      'LSTM',
      [
        ['T', 'N', 8],
        [2, 64, 8],
        [2, 64, 16],
      ],
      at({ direction: 'bidirectional' }),
      ['T', 2, 'N', 16],
    ],
    ['GRU', [['N', 'T', 8], [1, 48, 8], rankless], at({ hidden_size: 16, layout: 1 }), ['N', 'T', 1, 16]],
    ['Constant', [], at({ value_ints: [1, 2, 3] }), [3]],
    ['Constant', [], at({ value_float: { float: 1 } }), []],
    ['Constant', [], at({ value: { tensor: [4, 5] } }), [4, 5]],
  ]);

  it('know the types', async () => {
    const fill = { tensor: { ints: [1] } };
    expect((await infer('ConstantOfShape', [ints(2)], at({ value: fill })))[0]?.dataType).toBe(INT64);
    expect((await infer('ConstantOfShape', [ints(2)]))[0]?.dataType).toBe(FLOAT);
    expect((await infer('RandomNormalLike', [typed(FLOAT16, 2)], at({ dtype: DOUBLE })))[0]?.dataType).toBe(
      DOUBLE,
    );
  });
});
