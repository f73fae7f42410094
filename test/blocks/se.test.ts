import { describe, expect, it } from 'vitest';
import type { BlockSite, OptionValue } from '../../src/blocks/block.ts';
import { BLOCK_INPUT } from '../../src/blocks/block.ts';
import { ACTIVATIONS, GATES } from '../../src/blocks/functions.ts';
import { se } from '../../src/blocks/se.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { blockSite, seOptions } from '../helpers/block-site.ts';
import { errorOf } from '../helpers/error-of.ts';

/** The stages of a ResNet-50: blocks and their output channels. */
const RESNET_50 = [
  { blocks: 3, channels: 256 },
  { blocks: 4, channels: 512 },
  { blocks: 6, channels: 1024 },
  { blocks: 3, channels: 2048 },
];

/** Parameters of a ResNet-50 without SE. */
const RESNET_50_PARAMETERS = 25_557_032;

function addedToResNet50(given: Record<string, OptionValue>): number {
  return RESNET_50.reduce((sum, { blocks, channels }) => {
    const site = blockSite({ channels });
    return sum + blocks * se.cost(site, seOptions(site, given)).parameters;
  }, 0);
}

describe('the cost of SE', () => {
  it('is that of the paper on a ResNet-50', () => {
    expect(addedToResNet50({ bias: false })).toBe(2_514_944);
    expect(addedToResNet50({})).toBe(2_514_944 + 16_048);
  });

  // The paper's column, in millions; its own sum for r = 8 is 0.07 above its formula.
  it.each([
    [2, 45.7],
    [4, 35.7],
    [8, 30.7],
    [16, 28.1],
    [32, 26.9],
  ])('gives the parameters of table 10 for r = %i', (reductionRatio, millions) => {
    const total = (RESNET_50_PARAMETERS + addedToResNet50({ reductionRatio })) / 1e6;
    expect(Math.abs(total - millions)).toBeLessThan(0.1);
  });

  it.each([true, false])('counts the weights that there are, biases %s', (bias) => {
    for (const gate of GATES) {
      const site = blockSite({ channels: 72 });
      const options = seOptions(site, { bias, gate, reducedChannels: 20 }, 'kaiming-uniform');
      const weights = se.weights(site, options).filter(({ role }) => role !== 'constant');
      const count = weights.reduce(
        (sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1),
        0,
      );
      expect(se.cost(site, options).parameters).toBe(count);
    }
  });

  it('counts a multiply-accumulate for each weight and for each scaled feature', () => {
    const site = blockSite({ channels: 64, spatial: [10, 20] });
    expect(se.cost(site, seOptions(site)).macs).toBe(2 * 64 * 8 + 64 * 200);
    expect(se.cost({ ...site, spatial: null }, seOptions(site)).macs).toBeNull();
  });
});

describe('the gate of SE', () => {
  const site = blockSite();

  it('is 2*sigmoid with a neutral start and the paper’s sigmoid otherwise', () => {
    expect(seOptions(site)['gate']).toBe('2*sigmoid');
    expect(seOptions(site, {}, 'kaiming-normal')['gate']).toBe('sigmoid');
    expect(seOptions(site, { gate: 'hardsigmoid' })['gate']).toBe('hardsigmoid');
  });

  it('cannot be a sigmoid with a neutral start, and the error says what can', async () => {
    const error = await errorOf(() => seOptions(site, { gate: 'sigmoid' }));
    expect(error.code).toBe('blocks/invalid-option');
    expect(error.message).toContain('"2*sigmoid", or a saturating bias');
  });
});

describe('what SE refuses', () => {
  it.each<[string, Partial<BlockSite>, string, string]>([
    ['integers', { dataType: DataType.INT8 }, 'blocks/unsupported-data-type', 'features of type INT8'],
    ['unknown types', { dataType: 99 }, 'blocks/unsupported-data-type', 'data type 99'],
    ['opset 6', { opset: 6 }, 'blocks/unsupported-opset', 'imports opset 6'],
    [
      'bfloat16 at opset 21',
      { dataType: DataType.BFLOAT16, opset: 21 },
      'blocks/unsupported-opset',
      'opset 22 or newer',
    ],
  ])('%s', async (_what, site, code, message) => {
    const error = await errorOf(() => seOptions(blockSite(site)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  it('gelu below the opset of Erf', async () => {
    const error = await errorOf(() => seOptions(blockSite({ opset: 8 }), { activation: 'gelu' }));
    expect(error.message).toContain('has no Erf, which gelu needs: convert it to opset 9');
  });

  it('not opset 7, nor bfloat16 at opset 22', () => {
    expect(seOptions(blockSite({ opset: 7 }))['squeezeType']).toBe('same');
    expect(seOptions(blockSite({ dataType: DataType.BFLOAT16, opset: 22 }))['squeezeType']).toBe('same');
  });
});

describe('the squeeze of SE', () => {
  it('is in float32 for float16 alone, unless the user asks for the same type', () => {
    const squeezeType = (dataType: number, given = {}): unknown =>
      seOptions(blockSite({ dataType, opset: 22 }), given)['squeezeType'];
    expect(squeezeType(DataType.FLOAT16)).toBe('float32');
    expect(squeezeType(DataType.FLOAT16, { squeezeType: 'same' })).toBe('same');
    expect([DataType.FLOAT, DataType.DOUBLE, DataType.BFLOAT16].map((type) => squeezeType(type))).toEqual([
      'same',
      'same',
      'same',
    ]);
  });
});

describe('the nodes of SE', () => {
  const sites = [7, 13, 14, 18].flatMap((opset) => [
    blockSite({ opset }),
    blockSite({ opset, channelAxis: 3 }),
    blockSite({ opset, rank: 3, channelAxis: 2 }),
    blockSite({ opset, rank: 5, dataType: DataType.FLOAT16 }),
  ]);
  const settings = ACTIVATIONS.flatMap((activation) =>
    GATES.flatMap((gate) => [true, false].map((bias) => ({ activation, gate, bias }))),
  );

  it('are sorted, read only what the block has, and read all of it', () => {
    for (const site of sites) {
      for (const given of settings.filter(({ activation }) => activation !== 'gelu' || site.opset >= 9)) {
        const options = seOptions(site, given, 'kaiming-uniform');
        const weights = se.weights(site, options).map(({ name }) => name);
        const known = new Set([BLOCK_INPUT, ...weights]);
        const read = new Set<string>();
        for (const { name, inputs } of se.build(site, options)) {
          expect(inputs.filter((input) => !known.has(input))).toEqual([]);
          for (const input of inputs) read.add(input);
          expect(known.has(name)).toBe(false);
          known.add(name);
        }
        expect([...known].filter((name) => !read.has(name))).toEqual(['scale']);
      }
    }
  });

  it('have the names that users read', () => {
    const site = blockSite();
    const names = se.build(site, seOptions(site)).map(({ name }) => name);
    expect(names).toEqual(['squeeze', 'reduce', 'act', 'expand', 'gate_sigmoid', 'gate', 'scale']);
    expect(se.weights(site, seOptions(site)).map(({ name }) => name)).toEqual([
      'reduce.weight',
      'reduce.bias',
      'expand.weight',
      'expand.bias',
      'gate.two',
    ]);
  });

  it('have a HardSigmoid of MobileNetV3’s slope, not of ONNX’s default', () => {
    const site = blockSite();
    const nodes = se.build(site, seOptions(site, { gate: 'hardsigmoid' }));
    const gate = nodes.find(({ opType }) => opType === 'HardSigmoid');
    expect(gate?.attributes).toEqual({ alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
  });
});
