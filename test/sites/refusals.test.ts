import { describe, expect, it } from 'vitest';
import type { NodeRow } from '../helpers/model.ts';
import { find, rows } from './helpers.ts';

const WEIGHTS = {
  tokens: { ints: [1, 16, 1024] },
  map: { ints: [1, 16, 32, 32] },
  w: [16, 16],
  scales: { floats: [1, 1, 2, 2] },
  bias: { floats: Array(16).fill(0), dims: [16, 1, 1] },
  places: [1, 1024, 16],
};
/** Tokens `t` of the map `x`, and the attention `a` of them. */
const TOKENS: NodeRow[] = [
  ['Reshape', 'x tokens', 'f'],
  ['Transpose', 'f', 't', { perm: [0, 2, 1] }],
];
const ATTENTION: NodeRow[] = [
  ['MatMul', 't w', 'q'],
  ['MatMul', 't w', 'k'],
  ['Transpose', 'k', 'kt', { perm: [0, 2, 1] }],
  ['MatMul', 'q kt', 'scores'],
  ['Softmax', 'scores', 'soft'],
  ['MatMul', 'soft t', 'a'],
];

describe('transformers', () => {
  it('add attention, and learnt positions', async () => {
    const { sites, reasons } = await find([...TOKENS, 'Add | t places | u', ...ATTENTION, 'Add | a t | y'], {
      weights: WEIGHTS,
      head: false,
    });
    expect(sites).toEqual([]);
    expect([reasons['y'], reasons['u']]).toEqual(['attention', 'position-embedding']);
  });

  it('add a feed-forward layer of 1x1 convolutions, where it starts with its norm', async () => {
    const weights = { ...WEIGHTS, e: [64, 16, 1, 1], q: [16, 64, 1, 1], flat: { ints: [1, 16, 1024] } };
    const attended: NodeRow[] = [
      ['Reshape', 'x flat', 'f'],
      ['Transpose', 'f', 'ft', { perm: [0, 2, 1] }],
      ['MatMul', 'ft f', 'scores'],
      ['Softmax', 'scores', 'soft'],
      ['MatMul', 'f soft', 'm'],
      ['Reshape', 'm map', 'a'],
      ...rows('1x1 | a | a1', 'Add | a1 x | s'),
    ];
    const forward = (from: string): NodeRow[] =>
      rows(`expand | ${from} | e1`, 'Relu | e1 | e2', 'project | e2 | p1', 'Add | p1 s | y');
    const norm: NodeRow = ['BatchNormalization', 's n n n n', 'sn'];
    const normal = await find([...attended, norm, ...forward('sn')], { weights: { ...weights, n: [16] } });
    expect([normal.sites, normal.reasons['y']]).toEqual([[], 'attention']);
    const plain = await find([...attended, ...forward('s')], { weights });
    expect(plain.sites).toEqual(['residual p1']);
  });

  it('mix tokens with a depthwise convolution between two products', async () => {
    const { sites, reasons } = await find(
      [
        ...TOKENS,
        ['MatMul', 't w', 'm1'],
        ['Transpose', 'm1', 'm2', { perm: [0, 2, 1] }],
        ['Reshape', 'm2 map', 'm3'],
        ...rows('dw | m3 | m4', 'Relu | m4 | m5'),
        ['Reshape', 'm5 tokens', 'm6'],
        ['Transpose', 'm6', 'm7', { perm: [0, 2, 1] }],
        ['MatMul', 'm7 w', 'm8'],
        ['Add', 'm8 t', 'y'],
      ],
      { weights: WEIGHTS, head: false },
    );
    expect(sites).toEqual([]);
    expect(reasons['y']).toBe('attention');
  });

  it('give positions by a depthwise convolution with a skip, which elsewhere is a block', async () => {
    const lines: (string | NodeRow)[] = ['dw | x | d1', 'Add | d1 x | s'];
    expect((await find([...lines, '3x3 | s | y'])).sites).toEqual(['residual d1']);
    const tokens: NodeRow[] = [
      ['Reshape', 's tokens', 'f'],
      ['Transpose', 'f', 't', { perm: [0, 2, 1] }],
    ];
    const { sites, reasons } = await find([...lines, ...tokens, ...ATTENTION], {
      weights: WEIGHTS,
      head: false,
    });
    expect(sites).toEqual([]);
    expect(reasons['s']).toBe('position-embedding');
  });
});

describe('sums that are no blocks', () => {
  it('add a context to all positions', async () => {
    const { sites, reasons } = await find(['GlobalAveragePool | x | g', '1x1 | g | e', 'Add | x e | y']);
    expect(sites).toEqual([]);
    expect(reasons['y']).toBe('merges-branches');
  });

  it('add a bias, a constant, or a value to itself', async () => {
    const { reasons } = await find(
      ['1x1 | x | p1', 'Add | p1 bias | b', 'Relu | b | r', 'Add | r bias | k', 'Add | k k | y'],
      {
        weights: WEIGHTS,
      },
    );
    expect([reasons['b'], reasons['k'], reasons['y']]).toEqual([
      'bias',
      'constant-operand',
      'activation-arithmetic',
    ]);
  });

  it('add what was computed from different inputs', async () => {
    const { sites, reasons } = await find(['3x3 | x | c1', 'Conv | other stem | c2', 'Add | c1 c2 | y'], {
      spec: { inputs: { image: [1, 3, 32, 32], other: [1, 3, 34, 34] } },
    });
    expect(sites).toEqual([]);
    expect(reasons['y']).toBe('no-fork');
  });

  it('add pooled context that was resized back, one of several such branches', async () => {
    const context = (size: number, to: string): NodeRow[] => [
      ['AveragePool', 'x', `${to}p`, { kernel_shape: [size, size], strides: [size, size] }],
      ['Conv', `${to}p p`, `${to}c`],
      ['Resize', `${to}c _ ${to}s`, to],
    ];
    const { sites, reasons } = await find(
      [...context(2, 'a'), ...context(4, 'b'), 'Add | x a | s', 'Add | s b | y'],
      {
        weights: { as: { floats: [1, 1, 2, 2] }, bs: { floats: [1, 1, 4, 4] } },
      },
    );
    expect(sites).toEqual([]);
    expect([reasons['s'], reasons['y']]).toEqual(['merges-resolutions', 'merges-resolutions']);
  });
});

describe('plain networks', () => {
  it('end where a decoder begins', async () => {
    const up: NodeRow = ['Resize', 'd2 _ scales', 'u'];
    const { sites } = await find(
      ['3x3/2 | x | d1', 'Relu | d1 | d2', up, '3x3 | u | e1', 'Relu | e1 | e2', '3x3 | e2 | y'],
      {
        weights: WEIGHTS,
      },
    );
    expect(sites).toEqual(['plain x', 'plain d2']);
  });

  it('have no branches', async () => {
    const { sites } = await find(
      ['3x3 | x | a', 'Relu | a | a1', ['Concat', 'a1 x', 'k', { axis: 1 }], ['Conv', 'k p32', 'y']],
      {
        weights: { p32: [16, 32, 1, 1] },
      },
    );
    expect(sites).toEqual([]);
  });
});
