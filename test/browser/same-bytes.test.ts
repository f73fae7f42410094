import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { rewrite } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { closePages, hasBrowser, openPage, serve, type TestPage } from './harness.ts';

const HAS_BROWSER = await hasBrowser();
const MODEL = cifarResnet20({ shortcut: 'poolConcat', style: STYLES.torchscript }).model;

let page: TestPage;
beforeAll(async () => {
  if (HAS_BROWSER) page = await openPage();
});
afterAll(closePages);

describe.skipIf(!HAS_BROWSER)('an injection in the page', () => {
  it.each([
    { block: 'se', init: 'neutral', seed: 0 },
    { block: 'se', init: 'kaiming-normal', seed: 7 },
    { block: 'cbam', init: 'xavier-uniform', seed: 1 },
    { block: 'eca', init: 'kaiming-uniform', seed: 2 },
  ])('gives the bytes that it gives in Node: %o', async (options) => {
    const bytes = await patchedBytes((await rewrite(memorySource(MODEL), options)).patch);
    const here = createHash('sha256').update(bytes).digest('hex');
    expect(await page.call('injectDigest', { url: serve(MODEL) }, options)).toBe(here);
    // Another seed is seen, so that the digests are of what was injected.
    const other = await page.call(
      'injectDigest',
      { url: serve(MODEL) },
      { ...options, seed: options.seed + 1 },
    );
    expect(other).not.toBe(here);
  });
});
