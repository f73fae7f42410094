import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StrangeModel, strangeModels } from '../../fixtures/strange.ts';
import { textBytes } from '../../fixtures/wire-writer.ts';
import { rewrite } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { injectAt, tappable } from '../helpers/inject.ts';
import { fieldsOf, parseModel } from '../helpers/protobuf-tree.ts';
import { expectRoundTrip } from '../helpers/round-trip.ts';

const MODELS = strangeModels();
const RUNNING = MODELS.filter(({ refused }) => refused === undefined);

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'se-inject-strange-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** All outputs of a model on one image, as bytes. */
async function run({ name, files }: StrangeModel, bytes: Uint8Array): Promise<Record<string, string>> {
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
  const path = join(folder, `${name}.onnx`);
  await writeFile(path, bytes);
  const session = await InferenceSession.create(path, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const pixels = Float32Array.from({ length: 3 * 8 * 8 }, (_, index) => Math.sin(index * 0.7));
  const results = await session.run({ image: new Tensor('float32', pixels, [1, 3, 8, 8]) });
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([output, { data }]) => {
      if (!(data instanceof Float32Array)) throw new Error(`output "${output}" is not float32`);
      return [output, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')];
    }),
  );
}

describe('an injection', () => {
  it.each(MODELS)(
    'into $name taps the right value, changes nothing else, and is undone exactly',
    async (model) => {
      const rewritten = await rewrite(memorySource(model.bytes));
      const hex = (name: string) => Buffer.from(encodeUtf8(name)).toString('hex');
      expect(rewritten.plan.sites.map(({ site }) => hex(site.value))).toEqual(
        model.tapped.map((name) => Buffer.from(textBytes(name)).toString('hex')),
      );
      expect(rewritten.plan.sites.map(({ site }) => site.kind)).toEqual([model.kind]);
      await expectRoundTrip(model.bytes, rewritten);
    },
  );

  it.each(MODELS)(
    'into $name at every value there is changes nothing else, and is undone exactly',
    async ({ bytes }) => {
      const edited = await injectAt(memorySource(bytes), tappable);
      expect(edited.plan.sites.length).toBeGreaterThan(4);
      await expectRoundTrip(bytes, edited);
    },
  );

  it.each(RUNNING)(
    'into $name at every value leaves the outputs as they were, bit for bit',
    async (model) => {
      const original = await run(model, model.bytes);
      const { patch } = await injectAt(memorySource(model.bytes), tappable);
      expect(await run(model, await patchedBytes(patch))).toEqual(original);
    },
  );

  it.each(RUNNING)('of random gates into $name changes an output', async (model) => {
    const original = await run(model, model.bytes);
    const { patch } = await rewrite(memorySource(model.bytes), { init: 'kaiming-uniform' });
    expect(await run(model, await patchedBytes(patch))).not.toEqual(original);
  });

  it.each(MODELS.filter(({ name }) => name.startsWith('ir3')))(
    'into $name adds no graph input and no initializer',
    async ({ bytes }) => {
      const { account } = await expectRoundTrip(bytes, await rewrite(memorySource(bytes)));
      expect(account.inserted.map(({ kind }) => kind)).not.toContain('initializer');
      expect(account.inserted.some(({ name }) => name.startsWith('Constant '))).toBe(true);
    },
  );

  it.each(MODELS.filter(({ name }) => name.includes('padded')))(
    'into $name keeps length prefixes of five bytes',
    async ({ bytes }) => {
      const edited = await patchedBytes((await rewrite(memorySource(bytes))).patch);
      const graphs = fieldsOf(parseModel(edited), 7);
      expect(graphs.map(({ prefix }) => prefix.length)).toEqual(graphs.map(() => 5));
    },
  );

  it('into a model that was injected before is undone one by one', async () => {
    for (const { bytes } of MODELS) {
      const once = await patchedBytes(
        (await injectAt(memorySource(bytes), (model) => tappable(model).slice(1, 2))).patch,
      );
      const twice = await injectAt(memorySource(once), (model) => tappable(model).slice(2, 4), {
        init: 'xavier-uniform',
        seed: 3,
      });
      const { strip, openModel } = await import('../../src/splice/index.ts');
      const back = await strip(await openModel(memorySource(await patchedBytes(twice.patch))));
      expect(Buffer.compare(await patchedBytes(back.patch), once)).toBe(0);
      const all = await strip(await openModel(memorySource(once)));
      expect(Buffer.compare(await patchedBytes(all.patch), bytes)).toBe(0);
    }
  });
});
