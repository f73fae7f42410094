import { describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { isSeInjectError } from '../../src/errors.ts';
import { PLACEMENTS } from '../../src/sites/placements.ts';
import { rewrite } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { runModel } from '../helpers/run-model.ts';

/** Networks of every kind of block, in every element type that onnxruntime's CPU convolves, quantized ones and channels last included. */
const NETWORKS = [
  'resnet18/torchscript',
  'resnet18/tf2onnxRaw',
  'mobilenet-v2/torchscript',
  'mobilenet-v1/torchscript',
  'shufflenet-v2-split/torchscript',
  'googlenet/torchscript',
  'squeezenet1.1/torchscript',
  'densenet121/torchscript',
  'resnet50-float16/half',
  'mobilenet-v2-float16/half',
  'resnet50-float16/mixed',
  'resnet18-qdq/torchscript',
  'resnet18-qdqsigned/torchscript',
  'mobilenet-v2-qlinear/torchscript',
  'mobilenet-v2-dynamic/torchscript',
];

/**
 * All pairs: each block meets each network, and since there are more of both than placements, taking these in turn
 * lets each placement meet each block and each network too.
 */
const CASES = NETWORKS.flatMap((network, at) =>
  BLOCKS.map(({ name }, turn) => ({
    network,
    block: name,
    placement: PLACEMENTS[(at + turn) % PLACEMENTS.length] ?? 'standard',
  })),
);

const tally = { ran: 0, refused: 0 };

describe('every block at every placement in every kind of network and type', () => {
  it.each(CASES)('$block, $placement, in $network', async ({ network, block, placement }) => {
    const row = MANIFEST.find(({ id }) => id === network);
    if (row === undefined) throw new Error(`no network "${network}"`);
    const options = { block, placement, init: 'kaiming-uniform' };
    const rewritten = await rewrite(memorySource(row.build().model), options).catch((error: unknown) => {
      // A placement that no site of the network has is said to be none.
      if (isSeInjectError(error) && /^(sites|blocks)\//.test(error.code)) return undefined;
      throw error;
    });
    if (rewritten === undefined || rewritten.plan.sites.length === 0) {
      tally.refused += 1;
      if (placement === 'standard') throw new Error('every block has its standard place');
      return;
    }
    const outputs = Object.values(await runModel(await patchedBytes(rewritten.patch)));
    expect(outputs.some((bytes) => bytes.some((byte) => byte !== 0))).toBe(true);
    tally.ran += 1;
  });

  it('was more than refusals', () => {
    expect(tally.ran).toBeGreaterThan(CASES.length / 2);
  });
});
