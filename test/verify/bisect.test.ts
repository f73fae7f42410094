import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { se } from '../../src/blocks/se.ts';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { openModel, readRecords } from '../../src/splice/index.ts';
import {
  bisectProvider,
  checkProvider,
  type ModelPair,
  type ProviderRequest,
  smallestFailing,
} from '../../src/verify/index.ts';
import type { Runtime } from '../../src/verify/runtime.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { injectBytes, plant } from '../helpers/verify-bytes.ts';

describe('smallestFailing', () => {
  it('finds any set of sites that fail only together', async () => {
    const ids = Array.from({ length: 33 }, (_, index) => `4_${index + 1}`);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...ids), { minLength: 1, maxLength: 4 }),
        async (guilty) => {
          let runs = 0;
          const found = await smallestFailing(ids, async (kept) => {
            runs += 1;
            return guilty.every((id) => kept.includes(id));
          });
          expect([...found].sort()).toEqual([...guilty].sort());
          // ddmin's worst case is quadratic; one culprit takes the order of log n.
          expect(runs).toBeLessThan(guilty.length === 1 ? 14 : 600);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('gives the whole set where every part of it passes', async () => {
    expect(await smallestFailing(['a', 'b', 'c'], async (kept) => kept.length === 3)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });
});

const before = cifarResnet20({ shortcut: 'poolConcat', style: STYLES.torchscript }).model;

async function prepare(after: Uint8Array): Promise<{ pair: ModelPair; request: ProviderRequest }> {
  const model = await openModel(memorySource(after));
  const record = readRecords(model.file).records.at(-1);
  const pair = {
    before: await openModel(memorySource(before)),
    after: model,
    beforeSource: { bytes: before },
    afterSource: { bytes: after },
  };
  return { pair, request: { provider: 'cpu', seed: 0, record, block: se } };
}

/** A runtime that gets one value of the network wrong, whatever model it is in. */
function wrongAt(runtime: Runtime, value: string): Runtime {
  return {
    ...runtime,
    async createSession(source, options) {
      const session = await runtime.createSession(source, options);
      return {
        inputs: session.inputs,
        outputs: session.outputs,
        close: () => session.close(),
        async run(feeds, fetches) {
          const outputs = new Map(await session.run(feeds, fetches));
          const tensor = outputs.get(value);
          if (tensor?.dataType === 'float32') {
            outputs.set(value, { ...tensor, data: tensor.data.map((x) => x * 1.5 + 1) });
          }
          return outputs;
        },
      };
    },
  };
}

describe('a provider that gets one block wrong', () => {
  it('is narrowed down to that block', async () => {
    const { pair, request } = await prepare(await injectBytes(before));
    const culprit = request.record?.sites[4];
    const runtime = wrongAt(await openOnnxRuntime(), culprit?.names['scale'] ?? '');
    const { report } = await checkProvider(runtime, pair, request);
    expect(report.status).toBe('mismatch');
    expect(report.sites.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual([culprit?.id]);
    expect((await bisectProvider(runtime, pair, request))?.sites).toEqual([culprit?.id]);
  });
});

describe('a network that was changed in the middle', () => {
  it('is said to differ from the first tap behind the change', async () => {
    const after = plant(await injectBytes(before), (graph) => {
      const convolutions = graph.node.filter(
        ({ opType, name }) => opType === 'Conv' && !name?.includes('/se/'),
      );
      // The stem, then two in each block: this is the second one of the fourth block.
      const weight = graph.initializer.find(({ name }) => name === convolutions[8]?.input?.[1]);
      if (weight?.rawData == null) throw new Error('no weight to change');
      // The sign of every weight: one weight alone may lie on a dead channel.
      weight.rawData = weight.rawData.map((byte, index) => (index % 4 === 3 ? byte ^ 0x80 : byte));
    });
    const { pair, request } = await prepare(after);
    const { report } = await checkProvider(await openOnnxRuntime(), pair, request);
    expect(report.status).toBe('mismatch');
    expect(report.sites.every(({ ok }) => ok)).toBe(true);
    expect(report.firstDifferent?.site).toBe(request.record?.sites[3]?.id);
  });
});
