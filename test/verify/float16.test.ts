import { describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/data-type.ts';
import { biasedNet } from '../helpers/biased-net.ts';
import { injectBytes, verifyBytes } from '../helpers/verify-bytes.ts';

/** A residual block in float16 whose branch has a mean of `bias`. */
const residualNet = (bias: number): Uint8Array =>
  biasedNet({ dataType: DataType.FLOAT16, biasOf: () => bias });

describe('float16', () => {
  it.each(['neutral', 'kaiming-uniform'])('passes with the squeeze in float32, started %s', async (init) => {
    const before = residualNet(30);
    const report = await verifyBytes(before, await injectBytes(before, { init }));
    expect([report.verdict, report.detail]).toEqual(['pass', expect.any(String)]);
  });

  it.each(['neutral', 'kaiming-uniform'])(
    'is told to overflow where the block pools in float16 what float16 does not hold, started %s',
    async (init) => {
      const before = residualNet(30);
      const after = await injectBytes(before, { init, blockOptions: { squeezeType: 'same' } });
      const report = await verifyBytes(before, after);
      expect(report.verdict).toBe('fail');
      const [site] = report.providers[0]?.sites ?? [];
      expect(site?.findings.map(({ code }) => code)).toContain('squeeze-overflow');
      expect(site?.squeezeMaxAbs).toBeGreaterThan(25);
    },
  );

  it('is not told to overflow where it does not', async () => {
    const before = residualNet(1);
    const report = await verifyBytes(
      before,
      await injectBytes(before, { blockOptions: { squeezeType: 'same' } }),
    );
    expect(report.verdict).toBe('pass');
  });
});
