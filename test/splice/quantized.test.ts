import { describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import type { NodeProto } from '../../src/onnx/model-file.ts';
import { findSites } from '../../src/sites/index.ts';
import { PLACEMENTS } from '../../src/sites/placements.ts';
import { applyPlan, planInjection, readPlan, rewrite, strip } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { equalBytes } from '../../src/wire/bytes.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { openBytes } from '../helpers/inject-taps.ts';
import { type ModelSpec, modelBytes } from '../helpers/model.ts';
import { runModel } from '../helpers/run-model.ts';

const UINT8 = 2;
const INT8 = 3;

/** A residual block whose branch is quantized before the sum, with the nodes given. */
function quantized(nodes: ModelSpec['nodes'], zero: number, more: Partial<ModelSpec> = {}): Uint8Array {
  return modelBytes({
    inputs: { image: [1, 16, 8, 8] },
    outputs: { y: null },
    ...more,
    nodes: [['Relu', 'image', 'x'], ['Conv', 'x c', 'conv', { pads: [1, 1, 1, 1] }], ...nodes],
    weights: {
      c: { floats: Array.from({ length: 16 * 16 * 9 }, (_, i) => Math.sin(i) / 12), dims: [16, 16, 3, 3] },
      s: { floats: [0.03125], dims: [] },
      z: { type: zero, dims: [] },
      ...more.weights,
    },
  });
}

const inText = ({ opType, domain, input, output }: NodeProto): string =>
  `${domain === '' ? '' : `${domain}:`}${opType} ${input.join(' ')} -> ${output.join(' ')}`;

/** The quantizers that an injection adds, as text. */
async function addedQuantizers(before: Uint8Array): Promise<string[]> {
  const { model, patch } = await rewrite(memorySource(before), {});
  const { patch: back, exact } = await strip(await openBytes(await patchedBytes(patch)));
  expect(exact).toBe(true);
  expect(equalBytes(await patchedBytes(back), before)).toBe(true);
  const found = model.view.nodes.filter(({ opType }) => opType.endsWith('uantizeLinear'));
  return found.map(inText).filter((text) => text.includes('/se/'));
}

describe('features that are quantized', () => {
  it('are quantized again by their own scale and zero point', async () => {
    const model = quantized(
      [
        ['QuantizeLinear', 'conv s z', 'q'],
        ['DequantizeLinear', 'q s z', 'd'],
        ['Add', 'd x', 'y'],
      ],
      INT8,
    );
    expect(await addedQuantizers(model)).toEqual([
      'QuantizeLinear d/se/scale s z -> d/se/requantize',
      'DequantizeLinear d/se/requantize s z -> d/se/dequantize',
    ]);
  });

  it('keep the domain of their quantizer', async () => {
    const model = quantized(
      [
        ['com.microsoft:QuantizeLinear', 'conv s z', 'q'],
        ['com.microsoft:DequantizeLinear', 'q s z', 'd'],
        ['Add', 'd x', 'y'],
      ],
      UINT8,
      { opsets: { 'com.microsoft': 1 } },
    );
    expect(await addedQuantizers(model)).toEqual([
      'com.microsoft:QuantizeLinear d/se/scale s z -> d/se/requantize',
      'com.microsoft:DequantizeLinear d/se/requantize s z -> d/se/dequantize',
    ]);
  });

  it('are tapped as integers where several read them back', async () => {
    const model = quantized(
      [
        ['Add', 'conv x', 'sum'],
        ['QuantizeLinear', 'sum s z', 'q'],
        ['DequantizeLinear', 'q s z', 'one'],
        ['DequantizeLinear', 'q s z', 'other'],
        ['Conv', 'one c', 'a'],
        ['Conv', 'other c', 'b'],
        ['Concat', 'a b', 'y', { axis: 1 }],
      ],
      UINT8,
    );
    const { model: after, plan } = await rewrite(memorySource(model), { placement: 'post' });
    expect(plan.sites.map(({ site }) => site.value)).toEqual(['q']);
    expect(plan.sites[0]?.site.quantization?.tapped).toBe('integers');
    const text = after.view.nodes.map(inText);
    expect(text).toContain('DequantizeLinear q s z -> q/se/dequantize');
    expect(text).toContain('QuantizeLinear q/se/scale s z -> q/se/requantize');
    expect(text).toContain('DequantizeLinear q/se/requantize s z -> one');
    expect(text).toContain('DequantizeLinear q/se/requantize s z -> other');
  });

  it('are UINT8 where they have no zero point', async () => {
    const model = quantized(
      [
        ['QuantizeLinear', 'conv s', 'q'],
        ['DequantizeLinear', 'q s', 'd'],
        ['Add', 'd x', 'y'],
      ],
      UINT8,
    );
    expect(await addedQuantizers(model)).toEqual([
      'QuantizeLinear d/se/scale s -> d/se/requantize',
      'DequantizeLinear d/se/requantize s -> d/se/dequantize',
    ]);
  });

  it('without a zero point are given their type where QuantizeLinear can be told it, and refused before', async () => {
    const nodes: ModelSpec['nodes'] = [
      ['QuantizeLinear', 'conv s', 'q', { output_dtype: INT8 }],
      ['DequantizeLinear', 'q s', 'd'],
      ['Add', 'd x', 'y'],
    ];
    const { model } = await rewrite(memorySource(quantized(nodes, INT8, { opset: 21 })), {});
    const [, added] = model.view.nodes.filter(({ opType }) => opType === 'QuantizeLinear');
    expect(added?.attribute.get('output_dtype')?.i).toBe(INT8);

    const { view, types } = await openBytes(quantized(nodes, INT8, { opset: 19 }));
    const { sites, rejections } = findSites(view, types);
    expect(sites).toEqual([]);
    expect(rejections.map(({ detail }) => detail)).toContain(
      'its features are INT8 without a zero point, which QuantizeLinear takes for UINT8: a gate needs floating point',
    );
  });

  it('are refused where each channel has a scale of its own', async () => {
    const model = quantized(
      [
        ['QuantizeLinear', 'conv ss zs', 'q'],
        ['DequantizeLinear', 'q ss zs', 'd'],
        ['Add', 'd x', 'y'],
      ],
      UINT8,
      { weights: { ss: { floats: Array(16).fill(0.1) }, zs: { type: UINT8, dims: [16] } } },
    );
    const { view, types } = await openBytes(model);
    expect(findSites(view, types).rejections.map(({ reason }) => reason)).toEqual(['integer-arithmetic']);
  });

  it('are in a saved plan, which is checked', async () => {
    const row = MANIFEST.find(({ id }) => id === 'resnet18-qlinear/torchscript');
    const model = await openBytes(row?.build().model ?? new Uint8Array());
    const plan = await planInjection(model, findSites(model.view, model.types));
    const text = JSON.stringify(plan);
    const replayed = await applyPlan(model, await readPlan(model, text));
    expect(
      equalBytes(
        await patchedBytes(replayed.patch),
        await patchedBytes((await applyPlan(model, plan)).patch),
      ),
    ).toBe(true);
    await expect(
      readPlan(model, text.replace('"tapped":"integers"', '"tapped":"floats"')),
    ).rejects.toMatchObject({
      code: 'splice/invalid-plan',
    });
  });

  const QUANTIZED = MANIFEST.filter(({ family }) => family === 'quantized');
  it.each(QUANTIZED.flatMap(({ id }) => PLACEMENTS.map((placement) => [id, placement] as const)))(
    'are what they were, bit for bit, under a neutral block: %s, %s',
    async (id, placement) => {
      const before = MANIFEST.find((row) => row.id === id)?.build().model ?? new Uint8Array();
      const { patch, plan } = await rewrite(memorySource(before), { placement });
      const after = await patchedBytes(patch);
      expect(plan.sites.length > 0 || placement !== 'standard').toBe(true);
      expect(await runModel(after)).toEqual(await runModel(before));
      if (plan.sites.length === 0) return;
      const stripped = await strip(await openBytes(after));
      expect(equalBytes(await patchedBytes(stripped.patch), before)).toBe(true);
      // Every integer layer is still between integers, and so is each block.
      const dynamic = id.includes('dynamic');
      expect(plan.sites.every(({ site }) => (site.quantization === undefined) === dynamic)).toBe(true);
    },
  );
});
