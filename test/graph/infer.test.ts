import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import type { ValueTypes } from '../../src/graph/types.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { type ModelSpec, type NodeRow, viewOf } from '../helpers/model.ts';

const infer = async (spec: ModelSpec): Promise<ValueTypes> => inferTypes(await viewOf(spec));
const shapeOf = async (value: string, spec: ModelSpec) => (await infer(spec)).get(value)?.shape;

const conv: NodeRow = ['Conv', 'x w', 'y', { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }];
const input = { x: ['N', 3, 'H', 'W'] };

describe('inferTypes', () => {
  it('follows the operators from the inputs, symbols and all', async () => {
    const types = await infer({
      inputs: input,
      weights: { w: [8, 3, 3, 3] },
      nodes: [conv, ['Relu', 'y', 'z'], ['GlobalAveragePool', 'z', 'p'], ['Flatten', 'p', 'f']],
    });
    expect(types.get('z')).toEqual({ dataType: DataType.FLOAT, shape: ['N', 8, 'H', 'W'] });
    expect(types.get('f')).toEqual({ dataType: DataType.FLOAT, shape: ['N', 8] });
    expect(types.get('w')).toEqual({ dataType: DataType.FLOAT, shape: [8, 3, 3, 3] });
  });

  it('has an entry for every value, known or not', async () => {
    const types = await infer({
      inputs: { x: [1] },
      nodes: [
        ['Mystery', 'x', 'a b'],
        ['Relu', 'b', 'c'],
      ],
    });
    expect([...types.keys()].sort()).toEqual(['a', 'b', 'c', 'x']);
    expect(types.get('c')).toEqual({ dataType: DataType.UNDEFINED, shape: undefined });
  });

  it('fills gaps from what the file declares, graph outputs included', async () => {
    const spec: ModelSpec = {
      inputs: { x: [1, 3, 8, 8] },
      nodes: [
        ['Mystery', 'x', 'a'],
        ['Relu', 'a', 'b'],
        ['custom:Other', 'b', 'c'],
      ],
      valueInfo: { a: { type: DataType.FLOAT16, dims: [1, 'C', undefined, 4] } },
      outputs: { c: [2, 5] },
    };
    const types = await infer(spec);
    expect(types.get('b')).toEqual({ dataType: DataType.FLOAT16, shape: [1, 'C', undefined, 4] });
    expect(types.get('c')).toEqual({ dataType: DataType.FLOAT, shape: [2, 5] });
  });

  it('believes the weights, not a value_info that is stale', async () => {
    const spec: ModelSpec = {
      inputs: input,
      weights: { w: [8, 3, 3, 3] },
      nodes: [conv],
      valueInfo: { y: { type: DataType.DOUBLE, dims: [1, 16, 'h', 224] } },
    };
    expect(await infer(spec).then((types) => types.get('y'))).toEqual({
      dataType: DataType.FLOAT,
      shape: ['N', 8, 'H', 'W'],
    });
  });

  it('takes no symbols from graph outputs, which people name as they please', async () => {
    const spec: ModelSpec = {
      inputs: { x: ['N', 3, 'H', 'W'] },
      weights: { w: [1, 3, 2, 2] },
      nodes: [['Conv', 'x w', 'y', { strides: [2, 2] }]],
      outputs: { y: ['N', 1, 'H', 7] },
    };
    expect(await shapeOf('y', spec)).toEqual(['N', 1, undefined, 7]);
  });

  it('takes single axes from value_info, where the ranks agree', async () => {
    const spec: ModelSpec = {
      inputs: input,
      weights: { w: [8, 3, 3, 3] },
      nodes: [['Conv', 'x w', 'y', { strides: [2, 2] }]],
    };
    expect(await shapeOf('y', { ...spec, valueInfo: { y: ['N', 9, 112, 'w2'] } })).toEqual([
      'N',
      8,
      112,
      'w2',
    ]);
    expect(await shapeOf('y', { ...spec, valueInfo: { y: [1, 9, 112] } })).toEqual([
      'N',
      8,
      undefined,
      undefined,
    ]);
  });

  it('orders an unsorted graph, and leaves a cycle unknown', async () => {
    const spec: ModelSpec = {
      inputs: { x: [1, 2] },
      nodes: [
        ['Relu', 'a', 'b'],
        ['Relu', 'x', 'a'],
        ['Add', 'b d', 'c'],
        ['Relu', 'c', 'd'],
      ],
    };
    const types = await infer(spec);
    expect(types.get('b')?.shape).toEqual([1, 2]);
    expect(types.get('c')?.shape).toBeUndefined();
  });

  it('does not take a local function for the operator of its name', async () => {
    const spec: ModelSpec = { inputs: { x: [1, 2] }, nodes: [['com.microsoft:Gelu', 'x', 'y']] };
    expect(await shapeOf('y', spec)).toEqual([1, 2]);
    expect(await shapeOf('y', { ...spec, functions: ['com.microsoft:Gelu'] })).toBeUndefined();
  });

  it('keeps what no tensor can be out: negative and unbounded sizes, too many axes', async () => {
    const spec: ModelSpec = {
      inputs: { x: [1, 3, 4, 4], many: new Array(64).fill(1) },
      weights: { w: { type: DataType.FLOAT, dims: [-8, 3, 9, 2 ** 60] } },
      nodes: [
        ['Conv', 'x w', 'y'],
        ['Relu', 'many', 'z'],
      ],
    };
    const types = await infer(spec);
    expect(types.get('y')?.shape).toEqual([1, undefined, undefined, undefined]);
    expect(types.get('z')?.shape).toBeUndefined();
  });

  it('survives names of members of Object', async () => {
    expect(await shapeOf('y', { inputs: { x: [1] }, nodes: [['constructor', 'x', 'y']] })).toBeUndefined();
    expect(await shapeOf('y', { inputs: { x: [1] }, nodes: [['__proto__', 'x', 'y']] })).toBeUndefined();
  });

  it('survives a damaged constant where it needs the numbers', async () => {
    const spec: ModelSpec = {
      inputs: { x: [2, 8] },
      weights: { s: { ints: [4], dims: [2] } },
      nodes: [['Reshape', 'x s', 'y']],
    };
    expect(await shapeOf('y', spec)).toEqual([undefined, undefined]);
  });
});

describe('bodies', () => {
  const branch = (dims: readonly number[]) => ({
    graph: {
      nodes: [
        ['Add', 'x w', 'sum'],
        ['MaxPool', 'sum', 'r', { kernel_shape: [2, 2], strides: dims }],
      ] as const,
      weights: { w: [3, 1, 1] },
      outputs: { r: { type: DataType.FLOAT } },
    },
  });
  const model = (then: readonly number[], otherwise: readonly number[]): ModelSpec => ({
    inputs: { x: [1, 3, 8, 8], c: { type: DataType.BOOL, dims: [] } },
    nodes: [['If', 'c', 'y', { then_branch: branch(then), else_branch: branch(otherwise) }]],
  });

  it('of an If say what both agree on, from values outside', async () => {
    expect(await shapeOf('y', model([2, 2], [2, 2]))).toEqual([1, 3, 4, 4]);
    expect(await shapeOf('y', model([2, 2], [2, 1]))).toEqual([1, 3, 4, undefined]);
  });

  it('of a Loop say the element types', async () => {
    const body = {
      nodes: [
        ['Identity', 'cond_in', 'cond'],
        ['Relu', 'v_in', 'v'],
        ['Relu', 'v_in', 's'],
      ] as const,
      inputs: {
        i: { type: DataType.INT64, dims: [] },
        cond_in: { type: DataType.BOOL, dims: [] },
        v_in: [2],
      },
      outputs: { cond: { type: DataType.BOOL, dims: [] }, v: [2], s: { type: DataType.FLOAT16, dims: [2] } },
    };
    const types = await infer({
      inputs: {
        n: { type: DataType.INT64, dims: [] },
        c: { type: DataType.BOOL, dims: [] },
        v0: { type: DataType.DOUBLE, dims: [2] },
      },
      nodes: [['Loop', 'n c v0', 'v stacked', { body: { graph: body } }]],
    });
    expect(types.get('v')).toEqual({ dataType: DataType.DOUBLE, shape: undefined });
    expect(types.get('stacked')).toEqual({ dataType: DataType.FLOAT16, shape: [undefined, undefined] });
  });

  it('of bodies, nested deeper than anybody nests, end', async () => {
    let graph: ModelSpec = { nodes: [['Relu', 'x', 'r']], outputs: { r: { type: DataType.FLOAT } } };
    for (let depth = 0; depth < 20; depth += 1) {
      graph = {
        nodes: [
          [
            'If',
            'c',
            'r',
            {
              then_branch: { graph },
              else_branch: { graph: { nodes: [['Relu', 'x', 'r']], outputs: { r: [2] } } },
            },
          ],
        ],
        outputs: { r: { type: DataType.FLOAT } },
      };
    }
    expect(
      await shapeOf('r', { ...graph, inputs: { x: [2], c: { type: DataType.BOOL, dims: [] } } }),
    ).toBeUndefined();
  });
});

describe('arithmetic on shapes', () => {
  it('of a PyTorch view: a symbol comes back through Shape, Gather and Concat', async () => {
    const spec: ModelSpec = {
      inputs: { x: ['N', 64, 7, 7] },
      weights: { zero: { ints: [0], dims: [] }, axis: { ints: [0] }, rest: { ints: [-1] } },
      nodes: [
        ['Shape', 'x', 'shape'],
        ['Gather', 'shape zero', 'n'],
        ['Unsqueeze', 'n axis', 'n1'],
        ['Concat', 'n1 rest', 'wanted', { axis: 0 }],
        ['Reshape', 'x wanted', 'y'],
      ],
    };
    expect(await shapeOf('y', spec)).toEqual(['N', 3136]);
  });

  it('of a PyTorch view of sizes that are not known: those that are stand', async () => {
    const spec: ModelSpec = {
      inputs: { x: ['N', 64, 7, 7], n: { type: DataType.INT64, dims: [1] } },
      weights: { rest: { ints: [64, 49] } },
      nodes: [
        ['Concat', 'n rest', 'wanted', { axis: 0 }],
        ['Reshape', 'x wanted', 'y'],
      ],
    };
    expect(await shapeOf('y', spec)).toEqual(['N', 64, 49]);
  });

  it('of a PyTorch expand: Where and Equal pick the sizes that are given', async () => {
    const spec: ModelSpec = {
      inputs: { x: ['N', 1, 4] },
      weights: { minus: { ints: [-1] }, three: { ints: [3] }, ones: { ints: [1, 1, 1] } },
      nodes: [
        ['Concat', 'minus three minus', 'given', { axis: 0 }],
        ['ConstantOfShape', 'count', 'filled', { value: { tensor: { ints: [1] } } }],
        ['Shape', 'given', 'count'],
        ['Equal', 'given minus', 'open'],
        ['Where', 'open filled given', 'wanted'],
        ['Expand', 'x wanted', 'y'],
      ],
    };
    expect(await shapeOf('y', spec)).toEqual(['N', 3, 4]);
  });

  it('of a tf2onnx resize: sizes are cast to float, scaled and cast back', async () => {
    const spec: ModelSpec = {
      inputs: { x: [1, 8, 10, 12] },
      weights: {
        from: { ints: [2] },
        to: { ints: [4] },
        head: { ints: [0] },
        scale: { floats: [2.5] },
      },
      nodes: [
        ['Shape', 'x', 'shape'],
        ['Slice', 'shape from to', 'hw'],
        ['Slice', 'shape head from', 'nc'],
        ['Cast', 'hw', 'hwf', { to: DataType.FLOAT }],
        ['Mul', 'hwf scale', 'scaled'],
        ['Cast', 'scaled', 'sizes', { to: DataType.INT64 }],
        ['Concat', 'nc sizes', 'all', { axis: 0 }],
        ['Resize', 'x _ _ all', 'y'],
      ],
    };
    expect(await shapeOf('y', spec)).toEqual([1, 8, 25, 30]);
  });

  it('of a PyTorch pad: the list of pads is turned around', async () => {
    const spec: ModelSpec = {
      inputs: { x: ['N', 3, 4, 5] },
      weights: {
        pads: { ints: [1, 2, 3, 4] },
        fill: { ints: [4] },
        two: { ints: [-1, 2] },
        from: { ints: [-1] },
        to: { ints: [-9223372036854775000] },
        axis: { ints: [0] },
        minus: { ints: [-1] },
        flat: { ints: [-1] },
      },
      nodes: [
        ['ConstantOfShape', 'fill', 'zeros', { value: { tensor: { ints: [0] } } }],
        ['Concat', 'pads zeros', 'list', { axis: 0 }],
        ['Reshape', 'list two', 'pairs'],
        ['Slice', 'pairs from to axis minus', 'turned'],
        ['Transpose', 'turned', 'columns', { perm: [1, 0] }],
        ['Reshape', 'columns flat', 'p'],
        ['Cast', 'p', 'padding', { to: DataType.INT64 }],
        ['Pad', 'x padding', 'y'],
      ],
    };
    expect(await shapeOf('y', spec)).toEqual(['N', 3, 11, 8]);
  });

  it('keeps a size that passes through arithmetic that changes nothing', async () => {
    const spec: ModelSpec = {
      inputs: { x: ['N', 'H'] },
      weights: { one: { ints: [1], dims: [] }, zero: { ints: [0], dims: [] } },
      nodes: [
        ['Shape', 'x', 's'],
        ['Gather', 's one', 'h'],
        ['Mul', 'h one', 'a'],
        ['Div', 'a one', 'b'],
        ['Sub', 'b zero', 'c'],
        ['Range', 'zero c one', 'y'],
        ['Sub', 'h h', 'none'],
        ['Range', 'zero none one', 'empty'],
      ],
    };
    const types = await infer(spec);
    expect(types.get('y')?.shape).toEqual(['H']);
    expect(types.get('empty')?.shape).toEqual([0]);
  });

  it('knows truth values', async () => {
    const spec: ModelSpec = {
      inputs: { x: ['N', 'H'], unknown: { type: DataType.INT64, dims: [2] } },
      weights: { a: { ints: [3, -1] }, b: { ints: [0, 0] }, yes: { ints: [4, 5] }, no: { ints: [6, 7] } },
      nodes: [
        ['Greater', 'a b', 'above'],
        ['Less', 'a b', 'below'],
        ['And', 'above below', 'neither'],
        ['Or', 'above below', 'either'],
        ['Less', 'unknown b', 'open'],
        ['And', 'open neither', 'still'],
        ['Or', 'open either', 'surely'],
        ['Not', 'above', 'other'],
        ['Where', 'above yes no', 'picked'],
        ['Where', 'still yes no', 'second'],
        ['Where', 'surely yes no', 'first'],
        ['Where', 'other yes no', 'turned'],
        ['Where', 'open yes yes', 'same'],
        ...['picked', 'second', 'first', 'turned', 'same', 'open'].map(
          (name) => ['ConstantOfShape', name, `${name}_`] as const,
        ),
      ],
    };
    const types = await infer(spec);
    const shapes = ['picked_', 'second_', 'first_', 'turned_', 'same_', 'open_'].map(
      (name) => types.get(name)?.shape,
    );
    expect(shapes).toEqual([
      [4, 7],
      [6, 7],
      [4, 5],
      [6, 5],
      [4, 5],
      [undefined, undefined],
    ]);
  });

  it('tells a size from itself by nothing, and counts', async () => {
    const spec: ModelSpec = {
      inputs: { x: ['N', 'H'] },
      weights: {
        yes: { ints: [4, 5] },
        no: { ints: [6, 7] },
        from: { ints: [2], dims: [] },
        to: { ints: [7], dims: [] },
        by: { ints: [3], dims: [] },
      },
      nodes: [
        ['Shape', 'x', 's'],
        ['Equal', 's s', 'same'],
        ['Where', 'same yes no', 'picked'],
        ['ConstantOfShape', 'picked', 'y'],
        ['Range', 'from to by', 'counted'],
        ['ConstantOfShape', 'counted', 'z'],
      ],
    };
    expect(await shapeOf('y', spec)).toEqual([4, 5]);
    expect(await shapeOf('z', spec)).toEqual([2, 5]);
  });

  it('divides integers as integers do', async () => {
    const spec: ModelSpec = {
      weights: { a: { ints: [-7, 7] }, b: { ints: [2] } },
      inputs: {},
      nodes: [
        ['Div', 'a b', 'q'],
        ['Neg', 'q', 'n'],
        ['Slice', 'n zero one', 'k'],
        ['ConstantOfShape', 'k', 'y'],
      ],
    };
    expect(
      await shapeOf('y', { ...spec, weights: { ...spec.weights, zero: { ints: [0] }, one: { ints: [1] } } }),
    ).toEqual([3]);
  });
});
