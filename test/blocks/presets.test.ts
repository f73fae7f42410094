import { describe, expect, it } from 'vitest';
import type { BlockSite } from '../../src/blocks/block.ts';
import { BLOCK_PRESETS, blockPresetNamed } from '../../src/blocks/presets.ts';
import { blockNamed } from '../../src/blocks/registry.ts';
import { PLACEMENTS } from '../../src/sites/placements.ts';
import { resolveOptions } from '../../src/splice/plan.ts';
import { blockSite } from '../helpers/block-site.ts';
import { errorOf } from '../helpers/error-of.ts';

function reduced(name: string, site: Partial<BlockSite>): unknown {
  const { block, blockOptions, init } = blockPresetNamed(name);
  return resolveOptions(blockNamed(block), blockOptions, blockSite(site), init)['reducedChannels'];
}

describe('the reduced channels', () => {
  it.each([
    // Integer division, as in the authors' code: 100/16 is 6.
    ['senet', [64, 100, 256, 512, 1024, 2048], [4, 6, 16, 32, 64, 128]],
    ['timm-resnet', [64, 128, 256, 512, 1024, 2048], [8, 8, 16, 32, 64, 128]],
  ])('of %s are those of its networks', (name, channels, expected) => {
    expect(channels.map((each) => reduced(name, { channels: each }))).toEqual(expected);
  });

  it('of MobileNetV3 are those of its networks', () => {
    const expanded = [72, 96, 120, 240, 480, 672, 960];
    const found = expanded.map((channels) => reduced('mobilenetv3', { channels, kind: 'inverted-residual' }));
    expect(found).toEqual([24, 24, 32, 64, 120, 168, 240]);
  });

  it('of EfficientNet-B0 follow the inputs of its 16 blocks', () => {
    const inputs = [32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192];
    const found = inputs.map((inputChannels, at) =>
      reduced('efficientnet', {
        channels: at === 0 ? 32 : 6 * inputChannels,
        inputChannels,
        kind: 'inverted-residual',
      }),
    );
    expect(found).toEqual([8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48]);
  });

  it('of RegNetY-3.2GF follow the inputs of its blocks', () => {
    const inputs = [32, 72, 216, 576, 1512];
    expect(inputs.map((inputChannels) => reduced('regnety', { channels: 72, inputChannels }))).toEqual([
      8, 18, 54, 144, 378,
    ]);
  });
});

describe('a preset', () => {
  it.each(Object.keys(BLOCK_PRESETS))('%s starts as its family does, and neutral', (name) => {
    const { block, blockOptions, init, placement, description } = blockPresetNamed(name);
    const site = blockSite({ inputChannels: 64 });
    const gate = name === 'mobilenetv3' ? ['hardsigmoid', 'hardsigmoid'] : ['sigmoid', '2*sigmoid'];
    const own = resolveOptions(blockNamed(block), blockOptions, site, init);
    const neutral = resolveOptions(blockNamed(block), blockOptions, site, 'neutral');
    expect([own['gate'], neutral['gate']]).toEqual(gate);
    expect(PLACEMENTS).toContain(placement);
    expect(description).not.toBe('');
  });

  it('that there is not is refused', async () => {
    expect((await errorOf(() => blockPresetNamed('toString'))).message).toContain(
      'use one of senet, timm-resnet',
    );
  });
});
