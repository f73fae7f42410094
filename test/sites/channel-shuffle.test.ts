import { describe, expect, it } from 'vitest';
import type { NodeRow } from '../helpers/model.ts';
import { find } from './helpers.ts';

const deep = { pads: [1, 1, 1, 1], group: 8 };

/** A ShuffleNet v2 unit of 16 channels, of the halves `<name>a` and `<name>b`. */
function unit(name: string): NodeRow[] {
  return [
    ['Conv', `${name}b p8`, `${name}c1`],
    ['Relu', `${name}c1`, `${name}r1`],
    ['Conv', `${name}r1 d8`, `${name}c2`, deep],
    ['Conv', `${name}c2 p8`, `${name}c3`],
    ['Relu', `${name}c3`, `${name}r3`],
    ['Concat', `${name}a ${name}r3`, `${name}join`, { axis: 1 }],
  ];
}

const ints = (...numbers: number[]) => ({ ints: numbers });

const WEIGHTS = {
  p8: [8, 8, 1, 1],
  d8: [8, 1, 3, 3],
  zero: ints(0),
  one: ints(1),
  two: ints(2),
  half: ints(8),
  whole: ints(16),
  groups: ints(1, 8, 2, 32, 32),
  first: { ints: [0], dims: [] },
  second: { ints: [1], dims: [] },
  interleaved: ints(...Array.from({ length: 16 }, (_, at) => (at % 2) * 8 + (at >> 1))),
  turned: ints(...Array.from({ length: 16 }, (_, at) => 15 - at)),
};

const SPLIT: NodeRow[] = [
  ['Slice', 'x zero half one', '1a'],
  ['Slice', 'x half whole one', '1b'],
];

describe('a channel shuffle', () => {
  it.each<[string, readonly NodeRow[]]>([
    [
      'as slices with a step',
      [
        ['Slice', '1join zero whole one two', '2a'],
        ['Slice', '1join one whole one two', '2b'],
      ],
    ],
    [
      'as picks from an axis of groups',
      [
        ['Reshape', '1join groups', 'grouped'],
        ['Gather', 'grouped first', '2a', { axis: 2 }],
        ['Gather', 'grouped second', '2b', { axis: 2 }],
      ],
    ],
    [
      'as a list of channels',
      [
        ['Gather', '1join interleaved', 'shuffled', { axis: 1 }],
        ['Split', 'shuffled', '2a 2b', { axis: 1, num_outputs: 2 }],
      ],
    ],
  ])('is read %s', async (_, between) => {
    const found = await find([...SPLIT, ...unit('1'), ...between, ...unit('2')], {
      weights: WEIGHTS,
      opset: 18,
    });
    expect(found.sites).toEqual(['shuffle 1r3', 'shuffle 2r3']);
  });

  it('in a unit that a Concat joins with channels last', async () => {
    const nhwc = { perm: [0, 2, 3, 1] };
    const { sites } = await find(
      [
        ['AveragePool', 'x', 's', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] }],
        ['Transpose', 's', 'st', nhwc],
        '1x1 | x | a',
        'Relu | a | b',
        ['Gather', 'b interleaved', 'c1', { axis: 1 }],
        ['Conv', 'c1 d', 'c2', { group: 16, pads: [1, 1, 1, 1], strides: [2, 2] }],
        '1x1 | c2 | c3',
        ['Transpose', 'c3', 'ct', nhwc],
        ['Concat', 'st ct', 'join', { axis: -1 }],
        ['Transpose', 'join', 'y', { perm: [0, 3, 1, 2] }],
      ],
      { weights: { ...WEIGHTS, p: [16, 16, 1, 1] }, head: false },
    );
    expect(sites).toEqual(['shuffle ct']);
  });

  it('is none where channels are only turned around', async () => {
    const between: NodeRow[] = [
      ['Gather', '1join turned', 'shuffled', { axis: 1 }],
      ['Split', 'shuffled', '2a 2b', { axis: 1, num_outputs: 2 }],
    ];
    const found = await find([...SPLIT, ...unit('1'), ...between, ...unit('2')], {
      weights: WEIGHTS,
      opset: 18,
    });
    expect(found.sites.filter((site) => site.startsWith('shuffle'))).toEqual([]);
  });
});
