import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { isSeInjectError } from '../../src/errors.ts';
import { openModel, rewrite, strip } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { equalBytes } from '../../src/wire/bytes.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { localModels, packagedModels } from '../helpers/corpus.ts';

const MODELS = [...packagedModels(), ...localModels()];

/** What a block may say of a network that it does not work in: its opset, its rank, its element type. */
const REFUSALS = ['blocks/unsupported-opset', 'blocks/unsupported-data-type', 'blocks/unsupported-rank'];

describe.each(BLOCKS.map(({ name }) => name))('block %s', (block) => {
  it('is taken out of every network again, bit for bit', async () => {
    let injected = 0;
    for (const { name, path } of MODELS) {
      const bytes = readFileSync(path);
      try {
        const { patch, plan } = await rewrite(memorySource(bytes), { block, init: 'kaiming-uniform' });
        if (plan.sites.length === 0) continue;
        const back = await strip(await openModel(memorySource(await patchedBytes(patch))));
        expect([name, back.exact, equalBytes(await patchedBytes(back.patch), bytes)]).toEqual([
          name,
          true,
          true,
        ]);
        injected += plan.sites.length;
      } catch (error) {
        if (!isSeInjectError(error) || !REFUSALS.includes(error.code)) throw error;
      }
    }
    expect(injected).toBeGreaterThan(50);
  });
});
