import { describe, expect, it } from 'vitest';
import type { NodeRow } from '../helpers/model.ts';
import { deep, find } from './helpers.ts';

describe('constants in the type of what they meet', () => {
  const weights = { none: { floats: [0], dims: [] }, rows: { ints: [16] }, six: { floats: [6], dims: [] } };
  /** A convolution whose bias is made of zeros. */
  const biased = (
    from: string,
    to: string,
    weight = 'c',
    attributes: NodeRow[3] = { pads: [1, 1, 1, 1] },
  ): NodeRow[] => [
    ['CastLike', `none ${from}`, `${to}z`],
    ['Expand', `${to}z rows`, `${to}b`],
    ['Conv', `${from} ${weight} ${to}b`, to, attributes],
  ];

  it('are no data', async () => {
    const { sites } = await find(
      [
        ...biased('x', 'c1'),
        'Relu | c1 | r1',
        ...biased('r1', 'c2'),
        ...biased('x', 'p1', 'p', {}),
        'Add | c2 p1 | y',
      ],
      { weights },
    );
    expect(sites).toEqual(['residual c2']);
  });

  it('bound a Clip that is an activation', async () => {
    const clip: NodeRow[] = [
      ['CastLike', 'none d1', 'low'],
      ['CastLike', 'six d1', 'high'],
      ['Clip', 'd1 low high', 'd2'],
    ];
    const { sites } = await find(
      [...biased('x', 'd1', 'd', deep), ...clip, '1x1 | d2 | p1', '3x3 | p1 | y'],
      {
        weights,
      },
    );
    expect(sites).toEqual(['inverted-residual d2']);
  });
});

describe('parts of one value', () => {
  const weights = {
    w8: [8, 8, 3, 3],
    zero: { ints: [0] },
    eight: { ints: [8] },
    end: { ints: [16] },
    ax: { ints: [1] },
    halves: { ints: [8, 8] },
    one: { ints: [1], dims: [] },
    none: { ints: [0], dims: [] },
  };
  const pads = { pads: [1, 1, 1, 1] };

  it.each<[string, NodeRow[]]>([
    [
      'slices',
      [
        ['Slice', 'x zero eight ax', 'a'],
        ['Slice', 'x eight end ax', 'b'],
      ],
    ],
    [
      'sequences',
      [
        ['SplitToSequence', 'x halves', 's', { axis: 1 }],
        ['SequenceAt', 's none', 'a'],
        ['SplitToSequence', 'x halves', 't', { axis: 1 }],
        ['SequenceAt', 't one', 'b'],
      ],
    ],
  ])('are no fork: %s', async (_, parts) => {
    const lines: NodeRow[] = [...parts, ['Conv', 'b w8', 'c1', pads], ['Add', 'c1 a', 'y']];
    const { sites, reasons } = await find(lines, { weights, head: false });
    expect([sites, reasons['y']]).toEqual([[], 'no-fork']);
  });

  it('may be what a skip is added to (ReXNet)', async () => {
    const lines: (string | NodeRow)[] = [
      ['Slice', 'x zero eight ax', 'n'],
      ['Conv', 'n e8', 'e1'],
      'Relu | e1 | e2',
      'dw64 | e2 | d1',
      'Relu | d1 | d2',
      'project | d2 | p1',
      ['Slice', 'p1 zero eight ax', 'a'],
      ['Slice', 'p1 eight end ax', 'b'],
      'Add | a n | sum',
      ['Concat', 'sum b', 'y', { axis: 1 }],
    ];
    const { sites } = await find(lines, { weights: { ...weights, e8: [64, 8, 1, 1] } });
    expect(sites).toEqual(['inverted-residual d2']);
  });
});
