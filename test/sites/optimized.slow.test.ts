import { readFileSync } from 'node:fs';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { rewrite } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { localModels } from '../helpers/corpus.ts';
import { testFolder } from '../helpers/folder.ts';
import { openBytes } from '../helpers/inject-taps.ts';
import { runModel } from '../helpers/run-model.ts';

const folder = testFolder();

type Level = 'basic' | 'extended' | 'all';

/** A model as onnxruntime's optimizer saves it. */
async function optimize(model: Uint8Array | string, level: Level): Promise<Uint8Array> {
  const path = folder.at('optimized.onnx');
  const options = {
    graphOptimizationLevel: level,
    optimizedModelFilePath: path,
    logSeverityLevel: 4,
  } as const;
  const session =
    typeof model === 'string'
      ? await InferenceSession.create(model, options)
      : await InferenceSession.create(model, options);
  await session.release();
  return readFileSync(path);
}

/** How many sites of each kind there are in each stage, and how many gates. */
async function tally(bytes: Uint8Array): Promise<Record<string, number>> {
  const { view, types } = await openBytes(bytes);
  const { sites, existing } = findSites(view, types);
  const counts: Record<string, number> = {};
  const count = (key: string): void => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  for (const { kind, stage } of sites) count(`${kind} in stage ${stage}`);
  for (const { kind } of existing) count(kind);
  return counts;
}

/** Networks that the optimizer makes into others. */
const CHANGED: ReadonlyMap<string, string> = new Map([
  ['vocos/dynamo', 'its last sum is fused with the norm behind it'],
  ['resnet-functions/torchscript', 'the blocks are in functions, which are inlined'],
  ['light-inception-v1.onnx', 'its weights are constants: equal branches of a module become one'],
  ['light-inception-v2.onnx', 'its weights are constants: equal branches of a module become one'],
]);

const fixtures = MANIFEST.filter(({ id, unrunnable }) => unrunnable === null && !CHANGED.has(id));

describe("networks that onnxruntime's optimizer has saved", () => {
  it.each(fixtures.map((row) => [row.id, row] as const))('have the same sites: %s', async (_, row) => {
    const { model } = row.build();
    const before = await tally(model);
    for (const level of ['basic', 'extended'] as const)
      expect(await tally(await optimize(model, level)), level).toEqual(before);
  });

  // Channels are last in its quantized convolutions, which is a layout like any other.
  it.each(fixtures.filter(({ family }) => family === 'quantized').map((row) => [row.id, row] as const))(
    'have the same sites where they are quantized and laid out anew: %s',
    async (_, row) => {
      const { model } = row.build();
      expect(await tally(await optimize(model, 'all'))).toEqual(await tally(model));
    },
  );

  // Of these the optimizer leaves inputs over that nobody feeds, or writes a model that it refuses itself.
  const runnable = fixtures.filter(
    ({ id }) =>
      !['se-resnet50', 'se-mobilenet-v1', 'shufflenet-v1'].some((name) => id === `${name}/caffe2`) &&
      !id.startsWith('conditional-block'),
  );
  it.each(runnable.map((row) => [row.id, row] as const))(
    'are what they were under neutral blocks, whatever their layout: %s',
    async (_, row) => {
      const fixture = row.build();
      const sizes = new Map(fixture.inputs.map(({ name, dims }) => [name, dims]));
      const model = await optimize(fixture.model, 'all');
      const { patch } = await rewrite(memorySource(model), {});
      expect(await runModel(await patchedBytes(patch), sizes)).toEqual(await runModel(model, sizes));
    },
  );

  const corpus = localModels().filter(({ name }) => !name.startsWith('bad-') && !CHANGED.has(name));
  it.skipIf(corpus.length === 0)('have the same sites in the local corpus', async () => {
    for (const { name, path } of corpus) {
      const before = await tally(readFileSync(path));
      for (const level of ['basic', 'extended'] as const)
        expect(await tally(await optimize(path, level)), `${name}, ${level}`).toEqual(before);
    }
  });
});
