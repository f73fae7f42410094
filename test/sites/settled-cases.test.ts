import { describe, expect, it } from 'vitest';
import type { NodeRow } from '../helpers/model.ts';
import { find } from './helpers.ts';

const axis = { axis: 1 };
const half = { kernel_shape: [2, 2], strides: [2, 2] };
/** Squeeze and excitation of `on`, given as `to`. */
const se = (on: string, to: string): NodeRow[] => [
  ['GlobalAveragePool', on, `${to}_s`],
  ['Conv', `${to}_s p`, `${to}_r`],
  ['Relu', `${to}_r`, `${to}_a`],
  ['Conv', `${to}_a p`, `${to}_e`],
  ['Sigmoid', `${to}_e`, `${to}_g`],
  ['Mul', `${on} ${to}_g`, to],
];

describe('depthwise and linear 1x1 without an activation between', () => {
  it('is an inverted residual alone in a residual branch', async () => {
    const { sites, report } = await find([
      'dw | x | d1',
      '1x1 | d1 | p1',
      'Add | x p1 | sum',
      'Relu | sum | y',
    ]);
    expect(sites).toEqual(['inverted-residual d1']);
    expect(report.sites[0]?.block).toEqual({ input: 'x', output: 'sum', skip: 'x' });
  });

  it('is residual where there are two such pairs, one site at the Add', async () => {
    const { sites } = await find([
      'dw | x | d1',
      '1x1 | d1 | p1',
      'Relu | p1 | r1',
      'dw | r1 | d2',
      '1x1 | d2 | p2',
      'Add | p2 x | sum',
    ]);
    expect(sites).toEqual(['residual p2']);
  });

  it('is no site without an Add and without an activation', async () => {
    const { sites, reasons } = await find(['dw | x | d1', '1x1 | d1 | p1', '3x3 | p1 | y']);
    expect(sites).toEqual([]);
    expect(reasons['d1']).toBe('no-project');
  });
});

describe('an inverted residual without an Add', () => {
  it('starts at its expansion or at its depthwise convolution', async () => {
    const { sites, report } = await find([
      'expand | x | e1',
      'Relu | e1 | e2',
      'dw64 | e2 | d1',
      'Relu | d1 | d2',
      'project | d2 | p1',
      'dw | p1 | d3',
      'Relu | d3 | d4',
      '1x1 | d4 | y',
    ]);
    expect(sites).toEqual(['inverted-residual d2', 'inverted-residual d4']);
    expect(report.sites.map(({ block }) => block.input)).toEqual(['x', 'p1']);
  });

  it('does not share its project with a unit that starts with a linear 1x1', async () => {
    const unit = (from: string, to: string) => [
      `1x1 | ${from} | ${to}p`,
      `dw | ${to}p | ${to}d`,
      `Relu | ${to}d | ${to}`,
    ];
    const { sites, reasons } = await find([...unit('x', 'u'), ...unit('u', 'v'), ...unit('v', 'w')]);
    expect(sites).toEqual([]);
    expect([reasons['ud'], reasons['vd']]).toEqual(['no-project', 'no-project']);
  });

  it('is none where the 1x1 convolution predicts, and one where it feeds further convolutions', async () => {
    const pair = ['dw | x | d1', 'Relu | d1 | d2', '1x1 | d2 | p1'];
    const decoding: NodeRow = ['Reshape', 'p1 shape', 'boxes'];
    const weights = { shape: { ints: [1, -1, 4] } };
    const predicts = await find([...pair, decoding], { head: false, weights });
    expect(predicts.sites).toEqual([]);
    expect(predicts.reasons['d1']).toBe('decoding');
    expect((await find([...pair, '3x3 | p1 | y'])).sites).toEqual(['inverted-residual d2']);
  });

  it('takes the pointwise before it as its expansion, which then is no separable convolution', async () => {
    const { sites } = await find([
      'dw | x | d1',
      'Relu | d1 | d2',
      'expand | d2 | e1',
      'Relu | e1 | e2',
      'dw64 | e2 | d3',
      'Relu | d3 | d4',
      'project | d4 | y',
    ]);
    expect(sites).toEqual(['inverted-residual d4']);
  });
});

describe('depthwise separable convolutions', () => {
  const pair = ['dw | x | d1', 'Relu | d1 | d2', '1x1 | d2 | p1', 'Relu | p1 | y'];

  it('are tapped behind the activation of the pointwise', async () => {
    const { sites, report } = await find(pair);
    expect(sites).toEqual(['depthwise-separable y']);
    expect(report.sites[0]?.uses).toHaveLength(1);
  });

  it('are one site at the Add inside a residual branch', async () => {
    const { sites, reasons } = await find([...pair, 'Add | y x | sum']);
    expect(sites).toEqual(['residual y']);
    expect(reasons['d1']).toBe('part-of-other-site');
  });

  it('without an activation inside are taken only when asked for', async () => {
    const linear = ['dw | x | d1', '1x1 | d1 | p1', 'Relu | p1 | y'];
    const auto = await find(linear);
    expect(auto.sites).toEqual([]);
    expect(auto.reasons['d1']).toBe('not-selected');
    expect((await find(linear, { kinds: ['depthwise-separable'] })).sites).toEqual(['depthwise-separable y']);
  });

  it('with a gate inside or behind have one already', async () => {
    const inside = await find([...pair.slice(0, 2), ...se('d2', 's'), '1x1 | s | p1', 'Relu | p1 | y']);
    expect([inside.sites, inside.gates]).toEqual([[], ['se d2']]);
    const behind = await find([...pair, ...se('y', 's')]);
    expect([behind.sites, behind.gates]).toEqual([[], ['se y']]);
  });
});

describe('skips', () => {
  const block = (from: string, to: string) => [
    `3x3 | ${from} | ${to}1`,
    `Relu | ${to}1 | ${to}2`,
    `3x3 | ${to}2 | ${to}3`,
    `Add | ${to}3 ${from} | ${to}`,
  ];

  it('around blocks are none: the inner blocks are', async () => {
    const { sites, reasons } = await find([...block('x', 'a'), ...block('a', 'b'), 'Add | b x | y']);
    expect(sites).toEqual(['residual a3', 'residual b3']);
    expect(reasons['y']).toBe('nested');
    const long = await find([...block('x', 'a'), '3x3 | a | t', 'Add | t x | y']);
    expect(long.reasons['y']).toBe('long-skip');
  });

  it('over the whole network are none', async () => {
    const { sites, reasons } = await find(['Conv | x w | noise', 'Add | image noise | y'], {
      head: false,
      weights: { w: [3, 16, 3, 3] },
      spec: { inputs: { image: [1, 3, 32, 32] } },
    });
    expect(sites).toEqual([]);
    expect(reasons['y']).toBe('long-skip');
  });

  it('around one convolution are residual', async () => {
    expect((await find(['3x3 | x | c1', 'Add | c1 x | y'])).sites).toEqual(['residual c1']);
  });

  it('may be cropped, padded, pooled, scaled and projected', async () => {
    const crop: NodeRow = ['Slice', 'x one thirty ax', 's'];
    const weights = {
      one: { ints: [1, 1] },
      thirty: { ints: [31, 31] },
      ax: { ints: [2, 3] },
      two: { floats: [2], dims: [] },
    };
    const bare: NodeRow = ['Conv', 'x c', 'c1'];
    expect((await find([bare, crop, 'Add | c1 s | y'], { weights })).sites).toEqual(['residual c1']);
    const pool: NodeRow = ['MaxPool', 'x', 's', half];
    expect((await find(['3x3/2 | x | c1', pool, 'Add | c1 s | y'])).sites).toEqual(['residual c1']);
    expect((await find(['3x3 | x | c1', 'Mul | x two | s', 'Add | s c1 | y'], { weights })).sites).toEqual([
      'residual c1',
    ]);
    expect((await find(['3x3 | x | c1', '1x1 | x | s', 'Relu | s | t', 'Add | t c1 | y'])).sites).toEqual([
      'residual c1',
    ]);
  });

  it('do not hold an activation without a projection', async () => {
    expect((await find(['3x3 | x | c1', 'Relu | x | s', 'Add | s c1 | y'])).sites).toEqual([]);
  });
});

describe('branches that change their resolution', () => {
  const down: NodeRow = ['AveragePool', 'x', 's', half];
  const up = (from: string, to: string): NodeRow => ['Resize', `${from} _ scales`, to];
  const weights = { scales: { floats: [1, 1, 2, 2] } };

  it('are residual where they come back and the skip is bare', async () => {
    expect((await find([down, '3x3 | s | c1', up('c1', 'r'), 'Add | r x | y'], { weights })).sites).toEqual([
      'residual r',
    ]);
  });

  it('are merges where the smaller map is read elsewhere, holds blocks, or was made by a convolution of stride 2', async () => {
    const pyramid = await find(
      [
        down,
        '3x3 | s | c1',
        up('c1', 'r'),
        'Add | r x | m',
        '3x3 | m | n',
        ['GlobalAveragePool', 'c1', 'p1'],
        ['GlobalAveragePool', 'n', 'p2'],
        ['Concat', 'p1 p2', 'y', axis],
      ],
      { weights, head: false },
    );
    expect(pyramid.sites).toEqual([]);
    expect(pyramid.reasons['m']).toBe('merges-resolutions');
    const inner = ['3x3 | s | c1', 'Add | c1 s | b'];
    const hourglass = await find([down, ...inner, up('b', 'r'), 'Add | r x | m', '3x3 | m | y'], { weights });
    expect(hourglass.sites).toEqual(['residual c1']);
    expect(hourglass.reasons['m']).toBe('merges-resolutions');
    const strided = await find(['3x3/2 | x | c1', up('c1', 'r'), 'Add | r x | m', '3x3 | m | y'], {
      weights,
    });
    expect(strided.reasons['m']).toBe('merges-resolutions');
  });
});

describe('gates', () => {
  it('with a skip around them are no site', async () => {
    const { sites, gates, reasons } = await find([...se('x', 's'), 'Add | x s | y']);
    expect([sites, gates, reasons['y']]).toEqual([[], ['gate x'], 'has-gate']);
  });

  it('in a residual block are its own', async () => {
    const { sites, gates } = await find(['3x3 | x | c1', ...se('c1', 's'), 'Add | s x | y']);
    expect([sites, gates]).toEqual([[], ['se c1']]);
  });
});

describe('modules that a Concat joins', () => {
  const concat = (inputs: string, to = 'y'): NodeRow => ['Concat', inputs, to, axis];
  const weights = { p32: [16, 32, 1, 1], p48: [16, 48, 1, 1] };
  const tail = (name: string): NodeRow => ['Conv', `y ${name}`, 'z'];

  it('are Inception modules where branches of one value compute side by side', async () => {
    const pool: NodeRow = ['MaxPool', 'x', 'm', { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }];
    const { sites } = await find(
      [
        '1x1 | x | a',
        'Relu | a | a1',
        '1x1 | x | b',
        '3x3 | b | b1',
        pool,
        '1x1 | m | m1',
        concat('a1 b1 m1'),
        tail('p48'),
      ],
      { weights },
    );
    expect(sites).toEqual(['inception y']);
  });

  it('are none where a branch passes its input on (SPP), shares layers (SSH), dilates (RFB) or is one 1x1 (CSP)', async () => {
    const spp: NodeRow = ['MaxPool', 'x', 'm', { kernel_shape: [5, 5], pads: [2, 2, 2, 2] }];
    for (const lines of [
      [spp, concat('x m'), tail('p32')],
      [
        '3x3 | x | a',
        '3x3 | x | b',
        '3x3 | b | b1',
        '3x3 | b | b2',
        '3x3 | b2 | b3',
        concat('a b1 b3'),
        tail('p48'),
      ],
      ['3x3 | x | a', 'dilated | x | b', '1x1 | x | d', concat('a b d'), tail('p48')],
      ['1x1 | x | a', '1x1 | x | b', '3x3 | b | b1', concat('a b1'), tail('p32')],
    ]) {
      expect((await find(lines, { weights })).sites).toEqual([]);
    }
  });

  it('are dense layers where two or more in a row keep what they had', async () => {
    const grown = { n1: [16, 32, 3, 3], n2: [16, 48, 1, 1] };
    const first: NodeRow[] = [
      ['Conv', 'x c', 'a', { pads: [1, 1, 1, 1] }],
      ['Concat', 'x a', 'k1', axis],
    ];
    const second: NodeRow[] = [
      ['Conv', 'k1 n1', 'b', { pads: [1, 1, 1, 1] }],
      ['Concat', 'k1 b', 'k2', axis],
    ];
    const end: NodeRow = ['Conv', 'k2 n2', 'y'];
    expect((await find([...first, ...second, end], { weights: grown })).sites).toEqual([
      'dense a',
      'dense b',
    ]);
    expect((await find([...first, ['Conv', 'k1 n1', 'y']], { weights: grown })).sites).toEqual([]);
  });

  it('name new features once where each Concat lists all of them', async () => {
    const grown = { n1: [16, 32, 3, 3], n2: [16, 48, 1, 1] };
    const { sites, report } = await find(
      [
        ['Conv', 'x c', 'a', { pads: [1, 1, 1, 1] }],
        ['Concat', 'x a', 'k1', axis],
        ['Conv', 'k1 n1', 'b', { pads: [1, 1, 1, 1] }],
        ['Concat', 'x a b', 'k2', axis],
        ['Conv', 'k2 n2', 'y'],
      ],
      { weights: grown },
    );
    expect(sites).toEqual(['dense a', 'dense b']);
    expect(report.sites[0]?.uses).toHaveLength(2);
  });
});

describe('what else is settled', () => {
  it('redirects the use of the Add alone where the residual value has a second reader', async () => {
    const { sites, report } = await find([
      '3x3 | x | c1',
      'Add | c1 x | sum',
      'Sigmoid | c1 | g',
      'Mul | sum g | m',
      '3x3 | m | y',
    ]);
    expect(sites).toEqual(['residual c1']);
    expect(report.sites[0]?.uses).toEqual([{ kind: 'input', node: report.sites[0]?.node, input: 0 }]);
  });

  it('calls ShuffleNet v1 units that an Add joins shuffle', async () => {
    const grouped = { group: 4 };
    const { sites } = await find(
      [
        ['Conv', 'x g', 'a', grouped],
        'Relu | a | a1',
        ['Reshape', 'a1 five', 's1'],
        ['Transpose', 's1', 's2', { perm: [0, 2, 1, 3, 4] }],
        ['Reshape', 's2 four', 's3'],
        'dw | s3 | b',
        ['Conv', 'b g', 'c1', grouped],
        'Add | c1 x | sum',
        'Relu | sum | y',
      ],
      { weights: { g: [16, 4, 1, 1], five: { ints: [1, 4, 4, 32, 32] }, four: { ints: [1, 16, 32, 32] } } },
    );
    expect(sites).toEqual(['shuffle c1']);
  });

  it('takes the Add of a receptive field block with its 1x1 shortcut', async () => {
    const { sites, reasons } = await find(
      [
        '3x3 | x | a',
        'dilated | x | b',
        ['Concat', 'a b', 'k', axis],
        ['Conv', 'k p32', 'l'],
        '1x1 | x | s',
        'Add | l s | y',
      ],
      { weights: { p32: [16, 32, 1, 1] } },
    );
    expect(sites).toEqual(['residual l']);
    expect(reasons['k']).toBe('nested');
  });
});
