import { describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/data-type.ts';
import { type NodeRow, viewOf } from '../helpers/model.ts';
import { deep, find, read, rows, WEIGHTS } from './helpers.ts';

/** One number, as exporters write it. */
const number = (value: number) => ({ floats: [value], dims: [] });
const NUMBERS = {
  zero: number(0),
  one: number(1),
  three: number(3),
  six: number(6),
  half: number(0.5),
  cubic: number(0.044715),
  root: number(0.7978845608),
  sqrt2: number(Math.SQRT2),
  minus: { floats: Array(16).fill(-0.1), dims: [16, 1, 1] },
};

/** Ways to write an activation of `i`, given as `o`. */
const ACTIVATIONS: Readonly<Record<string, readonly (string | NodeRow)[]>> = {
  Relu: ['Relu | i | o'],
  'ReLU6 as Clip': ['Clip | i zero six | o'],
  'ReLU6 as Min of Max': ['Max | i zero | m', 'Min | m six | o'],
  'ReLU6 as two Wheres': [
    'Less | i zero | l',
    'Where | l zero i | m',
    'Greater | m six | h',
    'Where | h six m | o',
  ],
  HardSwish: ['HardSwish | i | o'],
  'HardSwish as Add, Clip, Mul, Div': [
    'Add | i three | a',
    'Clip | a zero six | b',
    'Mul | i b | m',
    'Div | m six | o',
  ],
  'HardSwish as Add, Clip, Div, Mul': [
    'Add | i three | a',
    'Clip | a zero six | b',
    'Div | b six | h',
    'Mul | i h | o',
  ],
  'HardSwish as HardSigmoid, Mul': ['HardSigmoid | i | h', 'Mul | i h | o'],
  'SiLU as Sigmoid, Mul': ['Sigmoid | i | s', 'Mul | i s | o'],
  'SiLU, half of it laid out otherwise': [
    ['Transpose', 'i', 't', { perm: [0, 2, 3, 1] }],
    'Sigmoid | t | s',
    ['Transpose', 's', 'u', { perm: [0, 3, 1, 2] }],
    'Mul | i u | o',
  ],
  Mish: ['Softplus | i | s', 'Tanh | s | t', 'Mul | i t | o'],
  'Mish spelt out': ['Exp | i | e', 'Add | e one | f', 'Log | f | s', 'Tanh | s | t', 'Mul | i t | o'],
  'GELU by Erf': ['Div | i sqrt2 | a', 'Erf | a | b', 'Add | b one | c', 'Mul | i c | m', 'Mul | m half | o'],
  'GELU by Tanh': [
    'Mul | i i | s',
    'Mul | s i | t',
    'Mul | t cubic | u',
    'Add | i u | v',
    'Mul | v root | w',
    'Tanh | w | th',
    'Add | th one | a',
    'Mul | i a | m',
    'Mul | m half | o',
  ],
  PRelu: ['PRelu | i scale | o'],
  'PRelu as two ReLUs': [
    'Relu | i | up',
    'Neg | i | n',
    'Relu | n | r',
    'Mul | r minus | s',
    'Add | up s | o',
  ],
  LeakyRelu: ['LeakyRelu | i | o'],
  'LeakyReLU as Max': ['Mul | i half | a', 'Max | i a | o'],
  Elu: ['Elu | i | o'],
};

/** A line of a spelling with `i` under another name. */
function readFrom(line: string | NodeRow, value: string): string | NodeRow {
  if (typeof line === 'string') return line.replaceAll(/\bi\b/g, value);
  const [op, inputs, outputs, attributes = {}] = line;
  return [op, inputs.replaceAll(/\bi\b/g, value), outputs, attributes];
}

describe('activations in any spelling', () => {
  it.each(Object.entries(ACTIVATIONS))('%s', async (_, spelling) => {
    const rename = (line: string | NodeRow) => readFrom(line, 'd1');
    const inverted = await find(['dw | x | d1', ...spelling.map(rename), '1x1 | o | p1', '3x3 | p1 | y'], {
      weights: NUMBERS,
    });
    expect(inverted.sites).toEqual(['inverted-residual o']);
    const behind = (line: string | NodeRow) => readFrom(line, 'p1');
    const separable = await find(
      ['dw | x | d1', 'Relu | d1 | d2', '1x1 | d2 | p1', ...spelling.map(behind)],
      {
        weights: NUMBERS,
      },
    );
    expect(separable.sites).toEqual(['depthwise-separable o']);
    expect(Object.values(separable.reasons)).not.toContain('merges-branches');
  });

  it('a gated linear unit is one, two halves of different values are none', async () => {
    const weights = { wide: [32, 16, 1, 1], halves: { ints: [16, 16] } };
    const unit: NodeRow[] = [
      ['Conv', 'x wide', 'w'],
      ['Split', 'w halves', 'a b', { axis: 1 }],
    ];
    const lines = [
      ...unit,
      'Sigmoid | b | s',
      'Mul | a s | g',
      'dw | g | d1',
      'Relu | d1 | d2',
      '1x1 | d2 | p1',
      'Add | p1 x | y',
    ];
    expect((await find(lines, { weights })).sites).toEqual(['inverted-residual d2']);
    expect(
      (await find(['3x3 | x | a', '1x1 | x | b', 'Sigmoid | b | s', 'Mul | a s | y'])).reasons['y'],
    ).toBe('merges-branches');
  });

  it('a Clip that only keeps numbers finite is none', async () => {
    const weights = { low: number(-65504), high: number(65504) };
    const { sites } = await find(
      ['dw | x | d1', 'Clip | d1 low high | d2', '1x1 | d2 | p1', '3x3 | p1 | y'],
      { weights },
    );
    expect(sites).toEqual([]);
  });
});

describe('gates in any spelling', () => {
  const GATES: Readonly<Record<string, readonly (string | NodeRow)[]>> = {
    'two 1x1 convolutions': [
      'GlobalAveragePool | c1 | s',
      '1x1 | s | r',
      'Relu | r | a',
      '1x1 | a | e',
      'Sigmoid | e | g',
    ],
    'fully connected, from a mean': [
      ['ReduceMean', 'c1', 's', { axes: [2, 3], keepdims: 0 }],
      ['Gemm', 's w', 'r'],
      ['Relu', 'r', 'a'],
      ['MatMul', 'a w', 'e'],
      ['HardSigmoid', 'e', 'h'],
      ['Reshape', 'h shape', 'g'],
    ],
    'one axis after the other': [
      ['ReduceMean', 'c1', 's', { axes: [3], keepdims: 1 }],
      ['ReduceMean', 's', 't', { axes: [2], keepdims: 1 }],
      ...rows('1x1 | t | e', 'Sigmoid | e | g'),
    ],
    'a convolution over channels (ECA)': [
      ['GlobalAveragePool', 'c1', 's'],
      ['Squeeze', 's last', 't'],
      ['Transpose', 't', 'u', { perm: [0, 2, 1] }],
      ['Conv', 'u k3', 'v', { pads: [1, 1] }],
      ['Transpose', 'v', 'w1', { perm: [0, 2, 1] }],
      ['Unsqueeze', 'w1 last', 'e'],
      ['Sigmoid', 'e', 'g'],
    ],
    'products with the weights first': [
      ['ReduceMean', 'c1', 's', { axes: [2, 3], keepdims: 0 }],
      ['Reshape', 's column', 't'],
      ['MatMul', 'w t', 'r'],
      ['Relu', 'r', 'a'],
      ['MatMul', 'w a', 'e'],
      ['Sigmoid', 'e', 'h'],
      ['Reshape', 'h shape', 'g'],
    ],
    'products by letters': [
      ['ReduceMean', 'c1', 's', { axes: [2, 3], keepdims: 1 }],
      ['Einsum', 's w', 'r', { equation: 'bchw,cd->bdhw' }],
      ['Relu', 'r', 'a'],
      ['Einsum', 'w a', 'e', { equation: 'oc, bc... -> bo...' }],
      ['Sigmoid', 'e', 'g'],
    ],
    'pooled by letters, and by a product with ones': [
      ['Einsum', 'c1', 's', { equation: 'nchw->nc' }],
      ['Reshape', 'c1 rows', 'f'],
      ['MatMul', 'f ones', 't0'],
      ['Squeeze', 't0 ends', 't'],
      ...rows('Add | s t | u'),
      ['Gemm', 'u w', 'k'],
      ['Sigmoid', 'k', 'h'],
      ['Reshape', 'h shape', 'g'],
    ],
    'pooled by a depthwise convolution': [
      ['Conv', 'c1 whole', 's', { group: 16 }],
      ...rows('1x1 | s | e', 'Sigmoid | e | g'),
    ],
    'an average pooling of the whole map, and a hard sigmoid spelt out': [
      ['AveragePool', 'c1', 's', { kernel_shape: [32, 32] }],
      ...rows('1x1 | s | e', 'Add | e three | f', 'Clip | f zero six | h', 'Div | h six | g'),
    ],
    'mean and maximum': [
      ...rows(
        'GlobalAveragePool | c1 | s',
        'GlobalMaxPool | c1 | t',
        '1x1 | s | a',
        '1x1 | t | b',
        'Add | a b | e',
      ),
      ['Sigmoid', 'e', 'g'],
    ],
    'pooled by an operator of PyTorch, which falls back on those it cannot write': [
      ['org.pytorch.aten:ATen', 'c1', 's', { operator: 'adaptive_avg_pool2d' }],
      ...rows('1x1 | s | e', 'Sigmoid | e | g'),
    ],
    'brought back to size': [
      ...rows('GlobalAveragePool | c1 | s', '1x1 | s | e', 'Sigmoid | e | h'),
      ['Resize', 'h _ up', 'g'],
    ],
  };

  it.each(Object.entries(GATES))('%s', async (_, gate) => {
    const { sites, gates, reasons } = await find(
      ['3x3 | x | c1', ...gate, 'Mul | c1 g | m', 'Add | m x | y'],
      {
        opset: 13,
        weights: {
          ...NUMBERS,
          w: [16, 16],
          whole: [16, 1, 32, 32],
          rows: { ints: [0, 16, 1024] },
          ones: [1024, 1],
          ends: { ints: [2] },
          column: { ints: [-1, 16, 1] },
          shape: { ints: [1, 16, 1, 1] },
          last: { ints: [3] },
          k3: [1, 1, 3],
          up: { floats: [1, 1, 32, 32] },
        },
      },
    );
    expect([sites, gates]).toEqual([[], ['se c1']]);
    expect(reasons['y']).toBe('has-gate');
    expect(Object.values(reasons)).not.toContain('merges-branches');
  });

  it('a division by one and an exponential', async () => {
    const { sites, gates } = await find(
      [
        '3x3 | x | c1',
        ...rows(
          'GlobalAveragePool | c1 | s',
          '1x1 | s | z',
          'Neg | z | n',
          'Exp | n | ex',
          'Add | ex one | f',
        ),
        'Div | c1 f | m',
        'Add | m x | y',
      ],
      { weights: NUMBERS },
    );
    expect([sites, gates]).toEqual([[], ['se c1']]);
  });

  it('a gate of positions, without pooling, is none', async () => {
    const { sites, gates } = await find(
      ['3x3 | x | c1', ['Conv', 'c1 one', 's'], 'Sigmoid | s | g', 'Mul | c1 g | m', 'Add | m x | y'],
      { weights: { one: [1, 16, 1, 1] } },
    );
    expect([sites, gates]).toEqual([['residual m'], []]);
  });
});

describe('quantized networks', () => {
  const weights = { s: number(0.1), z: { ints: [0], dims: [] }, mid: { ints: [128], dims: [] } };
  const quantized = (from: string, to: string, at: string): NodeRow[] => [
    ['QuantizeLinear', `${from} s ${at}`, `${to}q`],
    ['DequantizeLinear', `${to}q s ${at}`, to],
  ];
  const points: NodeRow[] = [
    ['Cast', 'z', 'least', { to: DataType.UINT8 }],
    ['Cast', 'mid', 'middle', { to: DataType.UINT8 }],
  ];

  it('have the activation in the quantizer: the value is what DequantizeLinear gives', async () => {
    const { sites } = await find(
      [
        ...points,
        ...quantized('x', 'xq', 'least'),
        'expand | xq | e1',
        ...quantized('e1', 'e2', 'least'),
        'dw64 | e2 | d1',
        ...quantized('d1', 'd2', 'least'),
        'project | d2 | p1',
        ...quantized('p1', 'p2', 'middle'),
        'Add | p2 xq | sum',
        ...quantized('sum', 'y', 'middle'),
      ],
      { weights },
    );
    expect(sites).toEqual(['inverted-residual d2']);
  });

  it('are tapped in front of DynamicQuantizeLinear', async () => {
    const dynamic = (from: string, w: string, to: string, attributes = {}): NodeRow[] => [
      ['DynamicQuantizeLinear', from, `${to}q ${to}s ${to}z`],
      ['ConvInteger', `${to}q ${w} ${to}z`, `${to}i`, attributes],
      ['Cast', `${to}i`, `${to}f`, { to: DataType.FLOAT }],
      ['Mul', `${to}s s`, `${to}m`],
      ['Mul', `${to}f ${to}m`, to],
    ];
    const { sites, report } = await find(
      [
        ...dynamic('x', 'pi', 'e1'),
        'Relu | e1 | e2',
        ...dynamic('e2', 'di', 'd1', deep),
        'Relu | d1 | d2',
        ...dynamic('d2', 'pi', 'p1'),
        'Add | p1 x | y',
      ],
      {
        weights: {
          ...weights,
          pi: { type: DataType.UINT8, dims: [16, 16, 1, 1] },
          di: { type: DataType.UINT8, dims: [16, 1, 3, 3] },
        },
      },
    );
    expect(sites).toEqual(['inverted-residual d2']);
    expect(report.sites[0]?.block.input).toBe('x');
  });
});

describe('what other tools wrote', () => {
  it('reads fused activations, and refuses sums inside a fused convolution', async () => {
    const fused: NodeRow = ['com.microsoft:FusedConv', 'x d', 'd1', { ...deep, activation: 'Relu' }];
    const { sites } = await find([fused, '1x1 | d1 | p1', '3x3 | p1 | y'], {
      spec: { opsets: { 'com.microsoft': 1 } },
    });
    expect(sites).toEqual(['inverted-residual d1']);
    const sum: NodeRow = [
      'com.microsoft:FusedConv',
      'c1 c scale1 x',
      'y',
      { pads: [1, 1, 1, 1], activation: 'Relu' },
    ];
    const found = await find(['3x3 | x | c1', sum], {
      spec: { opsets: { 'com.microsoft': 1 } },
      weights: { scale1: [16] },
    });
    expect(found.sites).toEqual([]);
    expect(found.reasons['y']).toBe('fused-sum');
  });

  it('refuses the blocked layout', async () => {
    const { sites, reasons } = await find(
      [
        ['com.microsoft.nchwc:ReorderInput', 'x', 'b'],
        ['com.microsoft.nchwc:Conv', 'b c', 'c1', { pads: [1, 1, 1, 1] }],
        ['Add', 'c1 b', 'sum'],
        ['com.microsoft.nchwc:ReorderOutput', 'sum', 'y', { channels: 16 }],
      ],
      { spec: { opsets: { 'com.microsoft.nchwc': 1 } } },
    );
    expect(sites).toEqual([]);
    expect(reasons['sum']).toBe('blocked-layout');
  });

  it('reads networks that were exported without their weights', async () => {
    const perChannel = { g: [16], b: [16], m: [16], v: [16] };
    const { sites } = await find(
      ['3x3 | x | c1', ['BatchNormalization', 'c1 g b m v', 'n1'], 'Add | n1 x | s', '3x3 | s | y'],
      {
        spec: {
          inputs: {
            image: [1, 3, 32, 32],
            stem: [16, 3, 3, 3],
            c: [16, 16, 3, 3],
            p: [16, 16, 1, 1],
            ...perChannel,
          },
          weights: {},
        },
      },
    );
    expect(sites).toEqual(['residual n1']);
  });

  it('reads channels that are last', async () => {
    const nhwc = { perm: [0, 2, 3, 1] };
    const nchw = { perm: [0, 3, 1, 2] };
    const { report } = await find([
      ['Transpose', 'x', 'xl', nhwc],
      ['Transpose', 'xl', 'xf', nchw],
      '3x3 | xf | c1',
      ['Transpose', 'c1', 'cl', nhwc],
      'Add | cl xl | sum',
      ['Transpose', 'sum', 'y', nchw],
    ]);
    expect(report.sites).toMatchObject([
      { kind: 'residual', value: 'cl', channelAxis: 3, channels: 16, rank: 4 },
    ]);
  });

  it('reads convolutions over slices as one (MixNet)', async () => {
    const split = (from: string, to: string): NodeRow => [
      'Split',
      `${from} halves`,
      `${to}1 ${to}2`,
      { axis: 1 },
    ];
    const eight = { ...deep, group: 8 };
    const { sites, report } = await find(
      [
        split('x', 'd'),
        ['Conv', 'd1 k3', 'a', eight],
        ['Conv', 'd2 k5', 'b', { group: 8, pads: [2, 2, 2, 2] }],
        ['Concat', 'a b', 'm', { axis: 1 }],
        'Relu | m | r',
        split('r', 'p'),
        ['Conv', 'p1 w', 'e'],
        ['Conv', 'p2 w', 'f'],
        ['Concat', 'e f', 'g', { axis: 1 }],
        'Add | g x | y',
      ],
      { weights: { halves: { ints: [8, 8] }, k3: [8, 1, 3, 3], k5: [8, 1, 5, 5], w: [8, 8, 1, 1] } },
    );
    expect(sites).toEqual(['inverted-residual r']);
    expect(report.sites[0]?.uses).toEqual([{ kind: 'input', node: report.sites[0]?.node, input: 0 }]);
  });

  it('reads them with biases and paddings of their own, over slices that list channels', async () => {
    const part = (from: string, half: string, to: string, weight: string, attributes = {}): NodeRow[] => [
      ['Gather', `${from} ${half}`, `${to}s`, { axis: 1 }],
      ['Pad', `${to}s none`, `${to}p`],
      ['Conv', `${to}p ${weight}`, `${to}c`, attributes],
      ['Add', `${to}c bias`, to],
    ];
    const eight = { ...deep, group: 8 };
    const first = { ints: Array.from({ length: 8 }, (_, at) => at) };
    const { sites, reasons } = await find(
      [
        ...part('x', 'first', 'a', 'k3', eight),
        ...part('x', 'second', 'b', 'k5', { group: 8, pads: [2, 2, 2, 2] }),
        ['Concat', 'a b', 'm', { axis: 1 }],
        'Relu | m | r',
        ...part('r', 'first', 'g1', 'w'),
        ...part('r', 'second', 'g2', 'w'),
        ['Concat', 'g1 g2', 'g', { axis: 1 }],
        'Add | g x | y',
      ],
      {
        weights: {
          first,
          second: { ints: first.ints.map((at) => at + 8) },
          bias: [8, 1, 1],
          none: { ints: Array(8).fill(0) },
          k3: [8, 1, 3, 3],
          k5: [8, 1, 5, 5],
          w: [8, 8, 1, 1],
        },
      },
    );
    expect(sites).toEqual(['inverted-residual r']);
    expect(Object.values(reasons)).not.toContain('merges-branches');
  });
});

describe('reshapings', () => {
  const weights = {
    same: { ints: [0, 0, 0, 0] },
    more: { ints: [1, 1, 16, 32, 32] },
    back: { ints: [-1, 16, 32, 32] },
    size: { ints: [1, 16, 32, 32] },
    rows: { ints: [-1, 16] },
    map: { ints: [1, 32, 32, 16] },
    places: { ints: [0, 16, -1] },
    first: { ints: [0] },
    w: [16, 16],
    one: { floats: Array(16).fill(1), dims: [16] },
  };
  const nhwc = { perm: [0, 2, 3, 1] };
  const nchw = { perm: [0, 3, 1, 2] };

  it.each(
    Object.entries<readonly NodeRow[]>({
      'to the shape that is read off': [
        ['Shape', 'd1', 's'],
        ['Reshape', 'd1 s', 'o'],
      ],
      'to the same shape': [['Reshape', 'd1 same', 'o']],
      'stretched to the size that it has': [['Expand', 'd1 size', 'o']],
      'flattened and back': [
        ['Flatten', 'd1', 'f'],
        ['Reshape', 'f back', 'o'],
      ],
      'to axes of a sequence and back (CNTK)': [
        ['Unsqueeze', 'd1 first', 'u'],
        ['Reshape', 'u more', 'v'],
        ['Reshape', 'v back', 'o'],
      ],
      'a norm of rows': [
        ['Transpose', 'd1', 't', nhwc],
        ['Reshape', 't rows', 'u'],
        ['BatchNormalization', 'u one one one one', 'v'],
        ['Reshape', 'v map', 'n'],
        ['Transpose', 'n', 'o', nchw],
      ],
    }),
  )('that are undone: %s', async (_, reshaped) => {
    const { sites, reasons } = await find(
      ['dw | x | d1', ...reshaped, 'Relu | o | r', '1x1 | r | p1', 'Add | p1 x | y'],
      { weights },
    );
    expect(sites).toEqual(['inverted-residual r']);
    expect(reasons).toEqual({});
  });

  it('a 1x1 convolution as a product of rows is tapped where its features are a map', async () => {
    const { sites, report } = await find(
      [
        'dw | x | d1',
        'Relu | d1 | d2',
        ['Transpose', 'd2', 't', nhwc],
        ['Reshape', 't rows', 'u'],
        ['MatMul', 'u w', 'v'],
        ['Reshape', 'v map', 'n'],
        ['Transpose', 'n', 'p1', nchw],
        'Add | p1 x | y',
      ],
      { weights },
    );
    expect(sites).toEqual(['inverted-residual t']);
    expect(report.sites).toMatchObject([{ channelAxis: 3, rank: 4, spatial: [32, 32] }]);
  });

  it('a gate on places in a row is one', async () => {
    const { sites, gates } = await find(
      [
        'dw | x | d1',
        'Relu | d1 | d2',
        'GlobalAveragePool | d2 | s',
        '1x1 | s | e',
        'Sigmoid | e | g',
        ['Reshape', 'd2 places', 'f'],
        ['Reshape', 'g places', 'h'],
        'Mul | f h | m',
        ['Reshape', 'm back', 'n'],
        '1x1 | n | p1',
        '3x3 | p1 | y',
      ],
      { weights },
    );
    expect([sites, gates]).toEqual([[], ['se f']]);
  });
});

describe('1x1 convolutions as products', () => {
  const weights = { w: [16, 16], places: { ints: [0, 16, -1] }, back: { ints: [0, 16, 32, 32] } };

  it.each<readonly [string, string, readonly NodeRow[]]>([
    ['by letters', 'd2', [['Einsum', 'd2 w', 'p1', { equation: 'nchw,dc->ndhw' }]]],
    [
      'with the weights first',
      'd2',
      [
        ['Reshape', 'd2 places', 'f'],
        ['MatMul', 'w f', 'm'],
        ['Reshape', 'm back', 'p1'],
      ],
    ],
  ])('%s', async (_, value, product) => {
    const lines = ['dw | x | d1', 'Relu | d1 | d2', ...product];
    const inverted = await find([...lines, 'Add | p1 x | y'], { weights });
    expect(inverted.sites).toEqual([`inverted-residual ${value}`]);
    expect(inverted.report.sites).toMatchObject([{ channelAxis: 1, rank: 4 }]);
    expect((await find([...lines, 'Relu | p1 | y'], { weights })).sites).toEqual(['depthwise-separable y']);
  });
});

describe('modules of products', () => {
  const nhwc = { perm: [0, 2, 3, 1] };
  const nchw = { perm: [0, 3, 1, 2] };
  const weights = { w: [16, 16], p: [16, 48, 1, 1] };
  /** A 1x1 convolution as a product on channels that are last. */
  const product = (from: string, to: string): NodeRow[] => [
    ['MatMul', `${from} w`, `${to}m`],
    ['Transpose', `${to}m`, `${to}t`, nchw],
    ['Relu', `${to}t`, to],
  ];

  it('are read as those of 1x1 convolutions, which may share an order of the axes', async () => {
    const { sites } = await find(
      [
        ['Transpose', 'x', 'xl', nhwc],
        ...product('xl', 'a'),
        ...product('xl', 'b1'),
        '3x3 | b1 | b2',
        ...product('xl', 'c1'),
        '5x5 | c1 | c2',
        ['Concat', 'a b2 c2', 'y', { axis: 1 }],
      ],
      { weights },
    );
    expect(sites).toEqual(['inception y']);
  });

  it('are fire modules, under a bypass in another layout too', async () => {
    const { sites } = await find(
      [
        ['Transpose', 'x', 'xl', nhwc],
        ...product('xl', 's'),
        ['Transpose', 's', 'sl', nhwc],
        ['MatMul', 'sl u', 'am'],
        ['Transpose', 'am', 'at', nchw],
        ['Relu', 'at', 'a'],
        ['Conv', 's k', 'b', { pads: [1, 1, 1, 1] }],
        ['Relu', 'b', 'c1'],
        ['Concat', 'a c1', 'join', { axis: 1 }],
        ['Transpose', 'join', 'jl', nhwc],
        ['Add', 'jl xl', 'sum'],
        ['Transpose', 'sum', 'y', nchw],
      ],
      { weights: { w: [16, 8], u: [8, 8], k: [8, 8, 3, 3] } },
    );
    expect(sites).toEqual(['fire jl']);
  });
});

describe('slices of all', () => {
  const weights = { all: { ints: [99] }, none: { ints: [-99] }, last: { ints: [-1] }, one: { ints: [1] } };
  const sliced = (starts: string, ends: string, steps: string): (string | NodeRow)[] => [
    'dw | x | d1',
    'Relu | d1 | d2',
    '1x1 | d2 | p1',
    ['Slice', `p1 ${starts} ${ends} one ${steps}`, 'p2'],
    'Relu | p2 | y',
  ];

  it('hand on, unless they turn around', async () => {
    const zero = { ints: [0] };
    const whole = await find(sliced('zero', 'all', 'one'), { weights: { ...weights, zero } });
    expect(whole.sites).toEqual(['depthwise-separable y']);
    expect((await find(sliced('last', 'none', 'last'), { weights })).sites).toEqual(['inverted-residual d2']);
  });
});

describe('paddings that are evened out', () => {
  it('behind a strided convolution, by a slice of positions', async () => {
    const { sites } = await find(
      [
        ['Conv', 'x d', 'd1', { group: 16, pads: [2, 2, 1, 1], strides: [2, 2] }],
        ['Slice', 'd1 one end places', 'd2'],
        'Relu | d2 | d3',
        '1x1 | d3 | p1',
        '3x3 | p1 | y',
      ],
      { weights: { one: { ints: [1, 1] }, end: { ints: [99, 99] }, places: { ints: [2, 3] } } },
    );
    expect(sites).toEqual(['inverted-residual d3']);
  });
});

describe('shapes that are read off', () => {
  const weights = { zero: NUMBERS.zero, bias: { floats: Array(16).fill(0.1), dims: [1, 16, 1, 1] } };
  /** A bias, and the bound of an activation, stretched to the size of what they meet (JAX). */
  const layer = (conv: string, from: string, to: string): (string | NodeRow)[] => [
    `${conv} | ${from} | ${to}c`,
    ['Shape', `${to}c`, `${to}s`],
    ['Expand', `bias ${to}s`, `${to}b`],
    ['Add', `${to}c ${to}b`, `${to}a`],
    ['Expand', `zero ${to}s`, `${to}z`],
    ['Max', `${to}a ${to}z`, to],
  ];

  it('are no way out of a module', async () => {
    const { sites } = await find(
      [
        ...layer('1x1', 'x', 'a'),
        ...layer('3x3', 'x', 'b'),
        ...layer('5x5', 'x', 'c1'),
        ['Concat', 'a b c1', 'y', { axis: 1 }],
      ],
      { weights: { ...weights, p: [16, 48, 1, 1] }, head: true },
    );
    expect(sites).toEqual(['inception y']);
  });

  it('end no layer', async () => {
    expect((await find([...layer('3x3', 'x', 'a'), ...layer('3x3', 'a', 'b')], { weights })).sites).toEqual([
      'plain x',
      'plain a',
      'plain b',
    ]);
    const separable = await find([...layer('dw', 'x', 'a'), ...layer('1x1', 'a', 'b')], { weights });
    expect(separable.sites).toEqual(['depthwise-separable b']);
  });
});

describe('several operands', () => {
  it('that are parts of a split, as lists of channels, start from no one value', async () => {
    const { sites, reasons } = await find(
      [
        ['Gather', 'x first', 'a', { axis: 1 }],
        ['Gather', 'x second', 'b', { axis: 1 }],
        ['Conv', 'a k', 'r', { pads: [1, 1, 1, 1] }],
        ['Add', 'r b', 'y'],
      ],
      {
        weights: {
          first: { ints: [0, 1, 2, 3, 4, 5, 6, 7] },
          second: { ints: [8, 9, 10, 11, 12, 13, 14, 15] },
          k: [8, 8, 3, 3],
          p: [16, 8, 1, 1],
        },
      },
    );
    expect(sites.filter((site) => site.startsWith('residual'))).toEqual([]);
    expect(reasons['y']).toBe('no-fork');
  });

  it.each([
    ['a Sum', ['Sum | c1 p1 x | y'], 'residual c1', undefined],
    ['the bare skip last (RepVGG)', ['Add | c1 p1 | s', 'Add | s x | y'], 'residual s', 'nested'],
    ['the bare skip first', ['Add | x p1 | s', 'Add | s c1 | y'], 'residual c1', 'nested'],
  ] as const)('%s', async (_, sum, site, inner) => {
    const { sites, reasons } = await find(['3x3 | x | c1', '1x1 | x | p1', ...sum]);
    expect(sites).toEqual([site]);
    expect(reasons['s']).toBe(inner);
  });

  it('of which several compute are none', async () => {
    const { sites } = await find(['3x3 | x | a', '3x3 | x | b', 'Add | x a | s', 'Add | s b | y']);
    expect(sites).toEqual([]);
  });
});

describe('bodies and functions', () => {
  it('are looked into, reported and left alone', async () => {
    const body = {
      inputs: {},
      outputs: { inner: null },
      nodes: rows('3x3 | x | i1', 'Relu | i1 | i2', '3x3 | i2 | i3', 'Add | i3 x | inner'),
    };
    const other = { inputs: {}, outputs: { same: null }, nodes: rows('Identity | x | same') };
    const view = await viewOf({
      inputs: { image: [1, 3, 32, 32], flag: { type: DataType.BOOL, dims: [] } },
      outputs: { y: null },
      weights: { ...WEIGHTS, stem: [16, 3, 3, 3] },
      nodes: [
        ['Conv', 'image stem', 'x', { pads: [1, 1, 1, 1] }],
        ['If', 'flag', 'y', { then_branch: { graph: body }, else_branch: { graph: other } }],
      ],
    });
    const { sites, report } = read(view);
    expect(sites).toEqual([]);
    expect(report.rejections).toMatchObject([{ node: 1, opType: 'If', reason: 'inside-body' }]);
    expect(report.rejections[0]?.detail).toContain('1 residual');
  });
});

describe('kinds', () => {
  const lines = [
    '3x3 | x | c1',
    'Add | c1 x | s',
    'dw | s | d1',
    'Relu | d1 | d2',
    '1x1 | d2 | p1',
    '3x3 | p1 | q1',
    'Relu | q1 | y',
  ];

  it('chooses families, and says what was left out', async () => {
    expect((await find(lines)).sites).toEqual(['residual c1', 'inverted-residual d2']);
    const chosen = await find(lines, { kinds: ['residual'] });
    expect(chosen.sites).toEqual(['residual c1']);
    expect(chosen.reasons['d1']).toBe('not-selected');
    expect((await find(lines, { kinds: 'all' })).sites).toEqual([
      'plain x',
      'residual c1',
      'inverted-residual d2',
      'plain y',
    ]);
  });

  it('numbers sites by stage in the order of the graph', async () => {
    const { report } = await find(lines);
    expect(report.sites.map(({ id }) => id)).toEqual(['0_1', '0_2']);
  });
});
