import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import {
  type BlockDefinition,
  type BlockSite,
  defineBlock,
  type OptionValue,
} from '../../src/blocks/block.ts';
import { gc } from '../../src/blocks/gc.ts';
import { isNeutralInit } from '../../src/blocks/initializers.ts';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { sse } from '../../src/blocks/sse.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { resolveOptions } from '../../src/splice/plan.ts';
import { strip } from '../../src/splice/strip.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { type BlockLayout, blockCase } from '../helpers/block-case.ts';
import { blockSite } from '../helpers/block-site.ts';
import { type Maps, NAIVE } from '../helpers/naive-blocks.ts';
import { waveNumbers } from '../helpers/run-model.ts';
import { injectBytes, verifyBytes } from '../helpers/verify-bytes.ts';
import { weightNumbers } from '../helpers/weight-numbers.ts';

/** A network with sites of its own. */
const NETWORK = cifarResnet20({ shortcut: 'poolConcat', style: STYLES.torchscript }).model;

const CHANNELS = 6;

const FLAT: BlockLayout = { name: '2-D', dims: [2, CHANNELS, 4, 5], last: false, opset: 13, type: 'float' };

/** Each value of each of layout, opset and type with the blocks, not all of their combinations. */
const LAYOUTS: readonly BlockLayout[] = [
  FLAT,
  { ...FLAT, name: '2-D, sizes left open', dims: ['N', CHANNELS, 'H', 'W'], opset: 7 },
  { ...FLAT, name: '1-D float16', dims: [2, CHANNELS, 9], opset: 18, type: 'float16' },
  { ...FLAT, name: '3-D', dims: [1, CHANNELS, 2, 3, 4], opset: 18 },
  { ...FLAT, name: '2-D channels last', dims: [2, 4, 5, CHANNELS], last: true, opset: 18 },
  { ...FLAT, name: '2-D channels last float16', dims: [2, 4, 5, CHANNELS], last: true, type: 'float16' },
  { ...FLAT, name: '1-D channels last', dims: [2, 9, CHANNELS], last: true, opset: 8 },
  { ...FLAT, name: '3-D channels last', dims: [2, 2, 3, 2, CHANNELS], last: true, opset: 13 },
  // No runtime convolves in float64 here: the nodes are evaluated one by one.
  { ...FLAT, name: '2-D double', type: 'double', opset: 18 },
  { ...FLAT, name: '1-D double, channels last', dims: [2, 9, CHANNELS], last: true, type: 'double' },
];

type Setting = Readonly<Record<string, OptionValue>> & { readonly init: string };

const random = 'kaiming-uniform';
const reducedChannels = 4;

/** What each block is tried with, by its name. */
const SETTINGS: Readonly<Record<string, readonly Setting[]>> = {
  se: [
    { init: random, reducedChannels, squeeze: 'max', normalization: 'layer', gate: 'tanh' },
    { init: 'he', reducedChannels, squeeze: 'avg+max', normalization: 'batch', activation: 'silu' },
    { init: 'timm', reducedChannels, squeeze: 'none', activation: 'leakyrelu', gate: 'relu' },
    { init: 'neutral', reducedChannels, squeeze: 'none', normalization: 'batch' },
    { init: 'neutral', reducedChannels, squeeze: 'avg+max', gate: 'relu' },
    { init: 'neutral-saturated', reducedChannels },
    { init: 'neutral-hardsigmoid', reducedChannels, squeeze: 'max' },
  ],
  ese: [{ init: random }, { init: 'neutral' }, { init: 'neutral', gate: '2*sigmoid', bias: false }],
  eca: [{ init: random }, { init: random, kernelSize: 5, gate: 'hardsigmoid' }, { init: 'neutral' }],
  sse: [{ init: random }, { init: 'neutral-saturated' }, { init: 'neutral' }],
  scse: [
    { init: random, reducedChannels },
    { init: 'neutral', reducedChannels },
    { init: 'neutral', reducedChannels, gate: 'hardsigmoid', bias: false },
  ],
  cbam: [
    { init: random, reducedChannels, spatialKernel: 3 },
    { init: 'xavier-uniform', reducedChannels, bias: false },
    { init: 'neutral', reducedChannels },
    { init: 'neutral', reducedChannels, gate: 'relu' },
    { init: 'neutral-hardsigmoid', reducedChannels, spatialKernel: 3 },
  ],
  gc: [
    { init: random, reducedChannels },
    { init: random, reducedChannels, fusion: 'scale', bias: false, activation: 'hardswish' },
    { init: 'neutral', reducedChannels },
    { init: 'neutral', reducedChannels, fusion: 'scale' },
  ],
  ge: [{ init: random }, { init: random, parametric: false }, { init: 'neutral' }],
  gct: [{ init: random }, { init: 'neutral' }],
  srm: [{ init: random }, { init: 'neutral' }],
  simam: [{ init: random }, { init: random, lambda: 0.01 }],
  coord: [
    { init: random, reducedChannels },
    { init: random, reducedChannels, gate: 'hardsigmoid', activation: 'relu', bias: false },
    { init: 'neutral', reducedChannels },
  ],
};

const fits = (block: BlockDefinition, { dims }: BlockLayout): boolean =>
  block.name !== 'coord' || dims.length === 4;

const settingsOf = (block: BlockDefinition): readonly Setting[] => SETTINGS[block.name] ?? [];

it('does not saturate in float64', () => {
  const site = blockSite({ dataType: DataType.DOUBLE });
  expect(() => resolveOptions(sse, {}, site, 'neutral-saturated')).toThrow('not 1 yet: use "neutral"');
});

describe('a reference without bounds', () => {
  const bare = (factor: number): BlockDefinition =>
    defineBlock({
      ...gc,
      reference(...given) {
        const { squeeze, gate, hidden, scaled } = gc.reference?.(...given) ?? {};
        if (squeeze === undefined || gate === undefined || hidden === undefined || scaled === undefined) {
          throw new Error('gc has a reference');
        }
        return { squeeze, gate, hidden, scaled: scaled.map((x) => x * factor) };
      },
    });

  it.each([
    [1, 0],
    [1.001, 1],
  ])('is compared within a generic bound: scaled by %f', async (factor, findings) => {
    const block = bare(factor);
    const { before, after } = await blockCase(block, FLAT, { init: random, reducedChannels });
    const report = await verifyBytes(before, after, { blocks: [block] });
    expect(report.providers[0]?.sites[0]?.findings).toHaveLength(findings);
  });
});

it('tries every block', () => {
  expect(Object.keys(SETTINGS)).toEqual(BLOCKS.map(({ name }) => name));
});

describe.each(BLOCKS)('$name', (block) => {
  const layouts = LAYOUTS.filter((layout) => fits(block, layout));

  it.each(settingsOf(block))('has a reference that agrees with its paper: %o', async (setting) => {
    for (const layout of layouts.filter(({ type, dims }) => type === 'float' && !dims.includes('N'))) {
      const dims = layout.dims.map(Number);
      const { injection } = await blockCase(block, layout, setting);
      const [recorded] = injection.record?.sites ?? [];
      if (recorded === undefined) throw new Error('nothing was injected');
      const weights = await weightNumbers(injection.model, recorded.names);
      const data = waveNumbers(dims.reduce((product, size) => product * size, 1));
      const found = block.reference?.({ data, dims }, weights, recorded.site, recorded.options);
      // A reference may leave out what is the features times one gate a channel.
      const channelOf = (at: number): number =>
        layout.last
          ? Math.floor(at / (data.length / (dims[0] ?? 1))) * CHANNELS + (at % CHANNELS)
          : Math.floor(at / dims.slice(2).reduce((product, size) => product * size, 1));
      const scaled = found?.scaled ?? data.map((x, at) => x * (found?.gate[channelOf(at)] ?? Number.NaN));
      const expected = naive(block.name, data, dims, layout.last, weights, recorded.options);
      const largest = expected.reduce(
        (most, x, at) => Math.max(most, Math.abs(x - (scaled[at] ?? Number.NaN))),
        0,
      );
      expect(largest).toBeLessThan(1e-11);
    }
  });

  // Each layout with one of the settings, so that each setting has its turn.
  it.each(
    layouts.map((layout, at) => ({ ...layout, setting: settingsOf(block)[at % settingsOf(block).length] })),
  )(
    '$name, opset $opset, $setting: passes its verification, and is taken out again',
    async ({ setting = { init: random }, ...layout }) => {
      const made = await blockCase(block, layout, setting);
      const report = await verifyBytes(made.before, made.after);
      const neutral = isNeutralInit(setting.init);
      const [site] = report.providers[0]?.sites ?? [];
      expect(site?.findings).toEqual([]);
      expect(site?.oracleMaxRel).toBeLessThanOrEqual(1);
      expect(site?.bitExact).toBe(neutral);
      const status = report.providers[0]?.status;
      if (layout.type !== 'double' || status !== 'unavailable') expect(status).toBe('ok');
      const { patch, exact } = await strip(made.injection.model);
      expect(exact).toBe(true);
      expect(Buffer.compare(await patchedBytes(patch), made.before)).toBe(0);
    },
  );

  it.each(['neutral', random])('in a network, %s: every question has its answer', async (init) => {
    if (init === 'neutral' && block.name === 'simam') return;
    const after = await injectBytes(NETWORK, { block, init });
    const report = await verifyBytes(NETWORK, after);
    expect(report.edit).toEqual({ ok: true, findings: [] });
    expect([report.verdict, report.detail]).toEqual(['pass', report.detail]);
    expect(report.providers[0]?.sites.every(({ sensitive }) => sensitive)).toBe(true);
  });

  it.each(settingsOf(block))('has as many parameters as its formula says: %o', ({ init, ...given }) => {
    for (const site of [blockSite(), blockSite({ channelAxis: 3 }), blockSite({ channels: 24 })]) {
      const options = resolveOptions(block, given, site, init);
      const weights = block.weights(site, options).filter(({ role }) => role !== 'constant');
      const count = weights.reduce(
        (sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1),
        0,
      );
      expect(block.cost(site, options).parameters).toBe(count);
      expect(block.cost({ ...site, spatial: null }, options).macs).toBeNull();
    }
  });

  it('refuses opset 6, and integers', () => {
    const [{ init, ...given } = { init: random }] = settingsOf(block);
    const resolved = (site: Partial<BlockSite>): unknown =>
      resolveOptions(block, given, blockSite(site), init);
    expect(() => resolved({ opset: 6 })).toThrow('imports opset 6, where Mul does not broadcast');
    expect(() => resolved({ dataType: 3 })).toThrow('cannot be scaled');
    expect(() => resolved({ opset: 7 })).not.toThrow();
  });
});

/** The naive block on stored features, sample by sample; the result as it is stored. */
function naive(
  name: string,
  data: Float64Array,
  dims: readonly number[],
  last: boolean,
  weights: ReadonlyMap<string, Float64Array>,
  options: Readonly<Record<string, OptionValue>>,
): Float64Array {
  const [batch = 1] = dims;
  const spatial = last ? dims.slice(1, -1) : dims.slice(2);
  const positions = spatial.reduce((product, size) => product * size, 1);
  const result = new Float64Array(data.length);
  const place = (n: number, c: number, p: number): number =>
    last ? (n * positions + p) * CHANNELS + c : (n * CHANNELS + c) * positions + p;
  const range = (length: number): number[] => Array.from({ length }, (_, at) => at);
  const list = (key: string): number[] | undefined => {
    const numbers = weights.get(key);
    return numbers === undefined ? undefined : [...numbers];
  };
  const matrix = (key: string): number[][] => {
    const numbers = list(key) ?? [];
    const isExpand = key.startsWith('expand');
    const inputs = isExpand ? Number(options['reducedChannels']) : CHANNELS;
    const outputs = numbers.length / inputs;
    return range(outputs).map((r) =>
      range(inputs).map((c) => numbers[last ? c * outputs + r : r * inputs + c] ?? Number.NaN),
    );
  };
  for (const n of range(batch)) {
    const x: Maps = range(CHANNELS).map((c) => range(positions).map((p) => data[place(n, c, p)] ?? 0));
    const scaled = NAIVE[name]?.({ x, spatial, matrix, list, options }) ?? [];
    for (const [c, map] of scaled.entries()) {
      for (const [p, value] of map.entries()) result[place(n, c, p)] = value;
    }
  }
  return result;
}
