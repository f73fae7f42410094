import proto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/data-type.ts';
import { toFloat16 } from '../../src/onnx/half.ts';
import { injectBytes, verifyBytes } from '../helpers/verify-bytes.ts';

const { onnx } = proto;
const CHANNELS = 8;

/** A residual block in float16 whose branch has a mean of `bias`, on maps of 64 by 64. */
function residualNet(bias: number): Uint8Array {
  const shape = { dim: [1, CHANNELS, 64, 64].map((dimValue) => ({ dimValue })) };
  const type = { tensorType: { elemType: DataType.FLOAT16, shape } };
  const half = (name: string, dims: number[], numbers: Iterable<number>): proto.onnx.ITensorProto => ({
    name,
    dims,
    dataType: DataType.FLOAT16,
    rawData: new Uint8Array(Uint16Array.from([...numbers].map(toFloat16)).buffer),
  });
  const weights = Array.from({ length: CHANNELS * CHANNELS * 9 }, (_, at) => ((at * 7) % 13) / 100 - 0.06);
  const kernel = ['kernel_shape', 'pads'].map((name) => ({
    name,
    type: onnx.AttributeProto.AttributeType.INTS,
    ints: name === 'pads' ? [1, 1, 1, 1] : [3, 3],
  }));
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'half',
      node: [
        { opType: 'Conv', input: ['x', 'w', 'b'], output: ['branch'], attribute: kernel },
        { opType: 'Add', input: ['branch', 'x'], output: ['y'] },
      ],
      input: [{ name: 'x', type }],
      output: [{ name: 'y', type }],
      initializer: [
        half('w', [CHANNELS, CHANNELS, 3, 3], weights),
        half(
          'b',
          [CHANNELS],
          Array.from({ length: CHANNELS }, () => bias),
        ),
      ],
    },
  }).finish();
}

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
