import { describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import { readRecords } from '../../src/splice/record.ts';
import { type Quantizer, requantizationError } from '../../src/verify/requantized.ts';
import type { RuntimeTensor, RuntimeTensors } from '../../src/verify/runtime.ts';
import { openBytes } from '../helpers/inject-taps.ts';
import { type Graph, injectBytes, plant, verifyBytes } from '../helpers/verify-bytes.ts';

const NETWORKS = ['resnet18-qdq', 'resnet18-qdqsigned', 'mobilenet-v2-qlinear', 'resnet18-dynamic'];

const modelOf = (id: string): Uint8Array =>
  MANIFEST.find((row) => row.id === `${id}/torchscript`)?.build().model ?? new Uint8Array();

describe('verification of quantized networks', () => {
  it.each(NETWORKS.flatMap((id) => ['neutral', 'kaiming-uniform'].map((init) => [id, init] as const)))(
    '%s passes with %s weights',
    async (id, init) => {
      const before = modelOf(id);
      const report = await verifyBytes(before, await injectBytes(before, { init }));
      expect(report.verdict, report.detail).toBe('pass');
      const [cpu] = report.providers;
      expect(cpu?.sites.map(({ bitExact }) => bitExact)).toEqual(cpu?.sites.map(() => init === 'neutral'));
    },
  );

  it('says which integer kernels are kept, and which onnxruntime no longer finds', async () => {
    const kernelsOf = async (id: string) => {
      const before = modelOf(id);
      const { providers } = await verifyBytes(before, await injectBytes(before));
      return providers[0]?.integerKernels;
    };
    // On x64 onnxruntime makes uint8 of int8, and not where a DequantizeLinear has two readers.
    expect(await kernelsOf('resnet18-qdq')).toEqual({
      before: { QLinearConv: 21, QLinearAdd: 8 },
      after: { QLinearConv: 21, QLinearAdd: 8 },
      lost: {},
    });
    const signed = await kernelsOf('resnet18-qdqsigned');
    expect(Object.keys(signed?.lost ?? {})).toEqual(process.arch === 'x64' ? ['QLinearConv'] : []);
    expect(await kernelsOf('resnet18-dynamic')).toMatchObject({ before: { ConvInteger: 21 }, lost: {} });
    expect(await kernelsOf('resnet18')).toBeNull();
  });

  /** Names of values by which one site quantizes again. */
  const scaleOf = (graph: Graph, site: number): string => requantizers(graph)[site]?.input?.[1] ?? '';
  const requantizers = (graph: Graph) =>
    (graph.node ?? []).filter(({ name }) => name?.endsWith('/requantize'));

  it.each(['neutral', 'kaiming-uniform'])(
    'finds a block that quantizes by another scale: %s',
    async (init) => {
      const before = modelOf('resnet18-qlinear');
      const after = plant(await injectBytes(before, { init }), (graph) => {
        const [first, second] = requantizers(graph);
        if (first?.input == null || second === undefined) throw new Error('no quantizers');
        first.input = [first.input[0] ?? '', scaleOf(graph, 1), first.input[2] ?? ''];
      });
      const report = await verifyBytes(before, after);
      expect(report.verdict).toBe('fail');
      expect(report.edit.findings.map(({ code }) => code)).toContain('not-the-record');
    },
  );

  it('finds a record that says another scale than the site has', async () => {
    const before = modelOf('resnet18-qlinear');
    const injected = await injectBytes(before);
    const { records } = readRecords((await openBytes(injected)).file);
    const [one, other] = records[0]?.sites.map(({ quantization }) => quantization?.scale ?? '') ?? [];
    if (one === undefined || other === undefined) throw new Error('no scales');
    // The record and the nodes agree with each other, and not with the network.
    const text = Buffer.from(injected).toString('latin1');
    const lying = text.replaceAll(`"scale":"${one}"`, `"scale":"${other}"`);
    expect(lying.length).toBe(text.length);
    const after = plant(Uint8Array.from(Buffer.from(lying, 'latin1')), (graph) => {
      for (const node of graph.node ?? []) {
        if (node.name?.includes('/se/') && node.input?.includes(one))
          node.input = node.input.map((value) => (value === one ? other : value));
      }
    });
    const report = await verifyBytes(before, after);
    expect(report.edit.findings.map(({ code }) => code)).toContain('not-the-quantizer');
  });
});

describe('requantizationError', () => {
  const quantizer: Quantizer = { tapped: 'dequantized', step: 0.5, zeroPoint: 128, low: 0, high: 255 };
  const tap = { quantizer, gated: 'gated', scaled: 'scaled' };
  const floats = (...numbers: number[]): RuntimeTensor => ({
    dataType: 'float32',
    dims: [numbers.length],
    data: Float32Array.from(numbers),
  });
  const values = (gated: RuntimeTensor, scaled: RuntimeTensor): RuntimeTensors =>
    new Map([
      ['gated', gated],
      ['scaled', scaled],
    ]);

  it('allows half a step, and clips to the range', () => {
    expect(
      requantizationError(tap, values(floats(0.2, -0.25, 100, -900), floats(0, 0, 63.5, -64))),
    ).toBeLessThan(1.001);
    expect(requantizationError(tap, values(floats(0.2), floats(0.5)))).toBeCloseTo(1.2);
    expect(requantizationError(tap, values(floats(100), floats(100)))).toBeGreaterThan(100);
  });

  it('reads integers by scale and zero point', () => {
    const bytes = (...data: number[]): RuntimeTensor => ({
      dataType: 'uint8',
      dims: [data.length],
      data: Uint8Array.from(data),
    });
    const integers = { ...tap, quantizer: { ...quantizer, tapped: 'integers' as const } };
    expect(requantizationError(integers, values(floats(1, -1), bytes(130, 126)))).toBe(0);
    expect(requantizationError(integers, values(floats(1, -1), bytes(130, 127)))).toBeCloseTo(2);
  });

  it('is infinite for another number of elements, and 0 where nothing is quantized', () => {
    expect(requantizationError(tap, values(floats(1), floats(1, 1)))).toBe(Number.POSITIVE_INFINITY);
    expect(requantizationError({ ...tap, quantizer: undefined }, values(floats(1), floats(9)))).toBe(0);
  });
});
