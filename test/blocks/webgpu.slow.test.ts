import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { OptionValue } from '../../src/blocks/block.ts';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { type BlockLayout, blockCase } from '../helpers/block-case.ts';
import { HAS_WEBGPU, VULKAN_ENV } from '../helpers/swiftshader.ts';
import { verifyBytes } from '../helpers/verify-bytes.ts';

const FIRST: BlockLayout = { name: '', dims: [2, 6, 7, 5], last: false, opset: 17, type: 'float' };
const LAST: BlockLayout = { name: '', dims: [2, 7, 5, 6], last: true, opset: 18, type: 'float' };

type Setting = Readonly<Record<string, OptionValue>> & { readonly init: string };

/** Options that bring operators of their own. */
const ALSO: Readonly<Record<string, readonly Setting[]>> = {
  se: [
    { init: 'kaiming-uniform', squeeze: 'avg+max', activation: 'gelu', gate: 'tanh', normalization: 'layer' },
    { init: 'neutral', squeeze: 'max', activation: 'leakyrelu', gate: 'relu', normalization: 'batch' },
    { init: 'neutral-saturated', activation: 'hardswish' },
  ],
  gc: [{ init: 'kaiming-uniform', fusion: 'scale' }],
  ge: [{ init: 'kaiming-uniform', parametric: false }],
};

const CASES = BLOCKS.flatMap(({ name }) =>
  [{ init: 'neutral' }, { init: 'kaiming-uniform' }, ...(ALSO[name] ?? [])]
    .filter(({ init }) => init !== 'neutral' || name !== 'simam')
    .flatMap((setting) => [FIRST, LAST].map((layout) => ({ name, setting, layout, last: layout.last }))),
);

describe.skipIf(!HAS_WEBGPU)('on WebGPU', () => {
  beforeAll(() => {
    for (const [name, value] of Object.entries(VULKAN_ENV)) vi.stubEnv(name, value);
  });

  it.each(CASES)('$name computes what its reference does: $setting, channels last $last', async (made) => {
    const { name, setting, layout } = made;
    const block = BLOCKS.find((candidate) => candidate.name === name);
    if (block === undefined) throw new Error('there is no such block');
    const reduced = block.options['reducedChannels'] === undefined ? {} : { reducedChannels: 4 };
    const { before, after } = await blockCase(block, layout, { ...reduced, ...setting });
    const report = await verifyBytes(before, after, { providers: [{ name: 'webgpu' }] });
    const [webgpu] = report.providers;
    expect([webgpu?.status, webgpu?.detail]).toEqual(['ok', webgpu?.detail]);
    expect(Object.keys(webgpu?.injectedByProvider ?? {})).toEqual(['webgpu']);
    const [site] = webgpu?.sites ?? [];
    expect(site?.findings).toEqual([]);
    expect(site?.oracleMaxRel).toBeLessThanOrEqual(1);
    expect(site?.bitExact).toBe(setting.init.startsWith('neutral'));
  });
});
