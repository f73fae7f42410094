import { describe, expect, it } from 'vitest';
import { find } from './helpers.ts';

const spec = { opsets: { mmdeploy: 1 } };
/** A deformable convolution by an operator of its own, of which nothing is known. */
const deformable = (from: string, to: string) =>
  ['mmdeploy:MMCVModulatedDeformConv2d', `${from} c`, to] as const;

describe('behind an operator that is not known', () => {
  it('has the shape of the skip', async () => {
    const { sites, report } = await find(
      ['3x3 | x | a', 'Relu | a | b', deformable('b', 'y'), 'Add | y x | sum', '3x3 | sum | z'],
      { spec },
    );
    expect(sites).toEqual(['residual y']);
    expect(report.sites[0]).toMatchObject({ channels: 16, channelAxis: 1, rank: 4 });
  });

  it('has the axes and channels that the convolution behind the block reads', async () => {
    const { sites, report } = await find(
      [
        '3x3 | x | a',
        deformable('a', 'y'),
        'Add | y x | sum',
        'Relu | sum | s',
        '3x3 | s | b',
        deformable('b', 'y2'),
        'Add | y2 s | sum2',
        'Relu | sum2 | s2',
        '3x3 | s2 | z',
      ],
      { spec },
    );
    expect(sites).toEqual(['residual y', 'residual y2']);
    expect(report.sites[1]).toMatchObject({ channels: 16, channelAxis: 1, rank: 4, spatial: null });
  });

  it('is turned down where nothing tells', async () => {
    const { sites, reasons } = await find(
      ['3x3 | x | a', deformable('a', 'b'), '3x3 | b | c1', deformable('c1', 'y'), 'Add | y b | sum'],
      { spec, head: false },
    );
    expect(sites).toEqual([]);
    expect(reasons['sum']).toBe('unknown-rank');
  });
});
