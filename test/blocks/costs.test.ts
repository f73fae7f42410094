import { describe, expect, it } from 'vitest';
import type { BlockDefinition, OptionValue } from '../../src/blocks/block.ts';
import { ecaKernel } from '../../src/blocks/eca.ts';
import { blockNamed } from '../../src/blocks/registry.ts';
import { resolveOptions } from '../../src/splice/plan.ts';
import { blockSite } from '../helpers/block-site.ts';
import { errorOf } from '../helpers/error-of.ts';

const [C, R, H, W] = [64, 8, 10, 20];
const P = H * W;
const site = blockSite({ channels: C, spatial: [H, W] });

function resolved(block: BlockDefinition, given: Readonly<Record<string, OptionValue>>, at = site): unknown {
  return resolveOptions(block, given, at, 'kaiming-uniform');
}

describe('the cost', () => {
  it.each<[string, Readonly<Record<string, OptionValue>>, parameters: number, macs: number]>([
    ['se', {}, 2 * R * C + R + C, 2 * R * C + C * P],
    ['se', { bias: false, squeeze: 'none' }, 2 * R * C, 2 * R * C * P + C * P],
    ['se', { normalization: 'layer' }, 2 * R * C + R + C + 2 * R, 2 * R * C + C * P],
    ['se', { normalization: 'batch' }, 2 * R * C + R + C + 4 * R, 2 * R * C + C * P],
    ['ese', {}, C * C + C, C * C + C * P],
    ['eca', {}, 3, 3 * C + C * P],
    ['sse', {}, C + 1, 2 * C * P],
    ['scse', {}, 2 * R * C + R + C + C + 1, 2 * R * C + 2 * C * P],
    ['cbam', {}, 2 * R * C + R + C + 2 * 49 + 1, 4 * R * C + (2 * 49 + 2 * C) * P],
    ['gc', {}, C + 1 + 2 * R * C + R + C + 2 * R, 2 * R * C + 2 * C * P],
    ['gc', { fusion: 'scale' }, C + 1 + 2 * R * C + R + C + 2 * R, 2 * R * C + 3 * C * P],
    ['ge', {}, 2 * C, C + C * P],
    ['ge', { parametric: false }, 0, C * P],
    ['gct', {}, 3 * C, 3 * C + 2 * C * P],
    ['srm', {}, 3 * C, 2 * C + 2 * C * P],
    ['simam', {}, 0, 3 * C * P],
    ['coord', {}, 3 * R * C + R + 2 * C, 2 * R * C * (H + W) + 2 * C * P],
  ])('of %s with %j is that of its formula', (name, given, parameters, macs) => {
    const block = blockNamed(name);
    const options = resolveOptions(block, given, site, 'kaiming-uniform');
    expect(block.cost(site, options)).toEqual({ parameters, macs });
  });
});

describe('what blocks refuse', () => {
  it('is features without rows and columns for coord', async () => {
    const error = await errorOf(() => resolved(blockNamed('coord'), {}, blockSite({ rank: 3 })));
    expect(error.code).toBe('blocks/unsupported-rank');
    expect(error.message).toContain('features with 1 spatial axes have no rows and columns');
  });

  it.each([
    ['eca', { kernelSize: 4 }],
    ['cbam', { spatialKernel: 2 }],
  ])('is an even kernel for %s', async (name, given) => {
    expect((await errorOf(() => resolved(blockNamed(name), given))).message).toContain('use an odd number');
  });

  it.each([
    ['simam', {}],
    ['ge', { parametric: false }],
    ['ese', { bias: false }],
  ])('is a neutral start for %s with %j, which has none', async (name, given) => {
    const error = await errorOf(() => resolveOptions(blockNamed(name), given, site, 'neutral'));
    expect(error.message).toContain(`block "${name}" has no initialization that changes nothing`);
  });

  it('is a saturated start for a block without a choice of gates', async () => {
    const error = await errorOf(() => resolveOptions(blockNamed('gct'), {}, site, 'neutral-saturated'));
    expect(error.message).toBe('block "gct" has no choice of gates: use "neutral"');
  });

  it('is gelu below opset 9, in every block that has it', async () => {
    for (const name of ['se', 'scse', 'cbam', 'gc', 'coord']) {
      const old = blockSite({ opset: 8 });
      const error = await errorOf(() => resolved(blockNamed(name), { activation: 'gelu' }, old));
      expect(error.details).toMatchObject({ opset: 8, needed: 9 });
    }
  });
});

it('takes the kernels of ECA that timm takes', () => {
  expect([16, 32, 64, 128, 256, 512, 1024, 2048].map(ecaKernel)).toEqual([3, 3, 3, 5, 5, 5, 5, 7]);
});
