import { describe, expect, it } from 'vitest';
import { DataType, type DataTypeNumber } from '../../src/onnx/data-type.ts';
import { biasedNet } from '../helpers/biased-net.ts';
import { injectBytes, verifyBytes } from '../helpers/verify-bytes.ts';

/** A residual block whose branch has a mean of `bias`; behind it, everything is small again. */
const residualNet = (bias: number, dataType: DataTypeNumber, spread = 1): Uint8Array =>
  biasedNet({
    dataType,
    biasOf: (channel) => bias * (1 + channel / 100),
    spread,
    scale: 1 / (Math.abs(bias) || 1),
  });

async function codesOf(before: Uint8Array, block: string, init: string, options = {}) {
  const after = await injectBytes(before, { block, init, blockOptions: options });
  const { verdict, providers } = await verifyBytes(before, after);
  return { verdict, codes: providers[0]?.sites.flatMap(({ findings }) => findings.map(({ code }) => code)) };
}

describe('features that are larger than a block can take', () => {
  const huge = residualNet(1e18, DataType.FLOAT);

  it.each(['se', 'srm', 'sse'])('are not, where nothing overflows: %s', async (block) => {
    expect(await codesOf(huge, block, 'kaiming-uniform')).toEqual({ verdict: 'pass', codes: [] });
  });

  it.each(['gct', 'simam'])(
    'are said to be, where their squares are more than float32 holds: %s is not called another block',
    async (block) => {
      const { verdict, codes } = await codesOf(huge, block, 'kaiming-uniform');
      expect(verdict).toBe('unchecked');
      expect(codes).toContain('not-comparable');
      expect(codes).not.toContain('not-the-block');
    },
  );

  it('are said to be, where a gate above 1 makes them more than float16 holds', async () => {
    const large = residualNet(50_000, DataType.FLOAT16);
    const { verdict, codes } = await codesOf(large, 'se', 'neutral');
    expect([verdict, codes]).toEqual(['unchecked', ['not-comparable']]);
  });
});

describe('maps on which nothing moves', () => {
  it.each(['se', 'gct', 'srm', 'simam'])(
    'hold nothing but rounding, which is not blamed on a block: %s',
    async (block) => {
      const still = residualNet(6, DataType.FLOAT, 0);
      expect(await codesOf(still, block, 'kaiming-uniform')).toEqual({ verdict: 'pass', codes: [] });
    },
  );

  it('leave open what rounding may make anything of', async () => {
    const still = residualNet(1000, DataType.FLOAT, 0);
    const { verdict, codes } = await codesOf(still, 'simam', 'kaiming-uniform');
    expect([verdict, codes]).toEqual(['unchecked', ['not-comparable']]);
  });
});

describe('features that are no numbers', () => {
  it.each(['se', 'sse', 'cbam', 'gct', 'coord'])('leave a block unchecked: %s', async (block) => {
    const { verdict, codes } = await codesOf(
      residualNet(Number.NaN, DataType.FLOAT),
      block,
      'kaiming-uniform',
    );
    expect(verdict).toBe('unchecked');
    expect(codes).not.toContain('not-the-block');
  });
});
