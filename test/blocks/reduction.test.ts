import { describe, expect, it } from 'vitest';
import type { OptionValue } from '../../src/blocks/block.ts';
import { roundToDivisor } from '../../src/blocks/reduction.ts';
import type { SiteKind } from '../../src/sites/site.ts';
import { blockSite, seOptions } from '../helpers/block-site.ts';
import { errorOf } from '../helpers/error-of.ts';

function reduced(
  channels: number,
  kind: SiteKind,
  given: Record<string, OptionValue> = {},
): OptionValue | undefined {
  const site = blockSite({ channels, kind, inputChannels: 24, outputChannels: 40 });
  return seOptions(site, given)['reducedChannels'];
}

describe('the reduced channels', () => {
  it.each([
    [64, 8],
    [128, 8],
    [256, 16],
    [512, 32],
    [1024, 64],
    [2048, 128],
  ])('of %i in a residual block are %i, as in timm', (channels, expected) => {
    expect(reduced(channels, 'residual')).toBe(expected);
  });

  it.each([
    [72, 24],
    [96, 24],
    [120, 32],
    [240, 64],
    [480, 120],
    [672, 168],
    [960, 240],
  ])('of %i in an inverted residual are %i, as in MobileNetV3', (channels, expected) => {
    expect(reduced(channels, 'inverted-residual')).toBe(expected);
    expect(reduced(channels, 'depthwise-separable')).toBe(expected);
  });

  it('differ between the families by ratio and round limit', () => {
    // 72/4 = 18: 16 is under nine tenths of it.
    expect(reduced(72, 'residual', { reductionRatio: 4 })).toBe(16);
    expect(reduced(72, 'residual', { reductionRatio: 4, roundLimit: 0.9 })).toBe(24);
    expect(reduced(72, 'inverted-residual', { roundLimit: 0 })).toBe(16);
  });

  it('are the number that is given', () => {
    expect(reduced(64, 'residual', { reducedChannels: 5 })).toBe(5);
    expect(reduced(64, 'residual', { reducedChannels: 5, reductionRatio: 2 })).toBe(5);
  });

  it.each<[string, number]>([
    ['tapped', 16],
    ['block-input', 6],
    ['block-output', 10],
  ])('can be a quarter of %s', (ratioOf, expected) => {
    expect(reduced(64, 'residual', { ratioOf, reductionRatio: 4, channelDivisor: 1 })).toBe(expected);
  });

  it('cannot be a part of channels that are not known', async () => {
    const error = await errorOf(() => seOptions(blockSite(), { ratioOf: 'block-input' }));
    expect(error.code).toBe('blocks/invalid-option');
    expect(error.message).toBe(
      'option "ratioOf" is "block-input": these channels are not known at this site: use "tapped"',
    );
  });

  it('reproduce EfficientNet: a quarter of the block’s input, rounded down, at least one', () => {
    const efficient = {
      ratioOf: 'block-input',
      reductionRatio: 4,
      channelDivisor: 1,
      rounding: 'down',
      roundLimit: 0,
    };
    const of = (inputChannels: number): OptionValue | undefined =>
      seOptions(blockSite({ kind: 'inverted-residual', channels: 999, inputChannels }), efficient)[
        'reducedChannels'
      ];
    expect([32, 16, 24, 40, 80, 112, 192, 3].map(of)).toEqual([8, 4, 6, 10, 20, 28, 48, 1]);
  });
});

describe('the decided options', () => {
  it('leave nothing at auto, and stay as they are when they are decided again', () => {
    for (const kind of ['residual', 'inverted-residual'] as const) {
      const site = blockSite({ kind });
      const resolved = seOptions(site);
      expect(Object.values(resolved)).not.toContain('auto');
      expect(seOptions(site, resolved)).toEqual(resolved);
    }
  });
});

describe('roundToDivisor', () => {
  const how = { divisor: 8, minimum: 8, rounding: 'nearest', limit: 0 };

  it('rounds to the nearest, up or down, a half going up', () => {
    expect([11.9, 12, 20].map((quotient) => roundToDivisor(quotient, how))).toEqual([8, 16, 24]);
    expect([8, 8.1].map((quotient) => roundToDivisor(quotient, { ...how, rounding: 'up' }))).toEqual([8, 16]);
    expect([15.9, 16].map((quotient) => roundToDivisor(quotient, { ...how, rounding: 'down' }))).toEqual([
      8, 16,
    ]);
  });

  it('goes no lower than the minimum, and one up where it lost more than the limit allows', () => {
    expect(roundToDivisor(1, how)).toBe(8);
    expect(roundToDivisor(1, { ...how, minimum: 1 })).toBe(1);
    expect(roundToDivisor(19, { ...how, limit: 0.9 })).toBe(24);
    expect(roundToDivisor(17, { ...how, limit: 0.9 })).toBe(16);
  });
});
