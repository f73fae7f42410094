import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findSites, PLACEMENTS } from '../../src/sites/index.ts';
import { applyPlan, openModel, planInjection, rewrite } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { type CorpusModel, localModels, operatorModels, packagedModels } from '../helpers/corpus.ts';
import { errorOf } from '../helpers/error-of.ts';
import { injectAt, tappable } from '../helpers/inject.ts';
import { hasPart } from '../helpers/parts.ts';
import { expectRoundTrip } from '../helpers/round-trip.ts';

/** Into the sites that are found: only the promised edits, a sound result, and back to the same bytes. */
async function intoSites({ path }: CorpusModel): Promise<number> {
  const bytes = readFileSync(path);
  const rewritten = await rewrite(memorySource(bytes));
  await expectRoundTrip(bytes, rewritten);
  return rewritten.plan.sites.length;
}

/** Likewise at every value that a block could tap, graph outputs and captured ones included. */
async function intoAnything({ path }: CorpusModel): Promise<number> {
  const bytes = readFileSync(path);
  const edited = await injectAt(memorySource(bytes), tappable, { init: 'kaiming-uniform' });
  await expectRoundTrip(bytes, edited);
  return edited.plan.sites.length;
}

/** Likewise at each placement, into every other site, or every third: the same bytes twice, and back. */
async function intoPlacements({ path, name }: CorpusModel): Promise<void> {
  const bytes = readFileSync(path);
  const model = await openModel(memorySource(bytes));
  const report = findSites(model.view, model.types);
  for (const [index, placement] of PLACEMENTS.entries()) {
    const step = 2 + ((name.length + index) % 2);
    const include = report.sites.filter((_, at) => at % step === 0).map(({ id }) => id);
    const options = { placement, include };
    const plan = await planInjection(model, report, options);
    const { patch } = await applyPlan(model, plan);
    await expectRoundTrip(bytes, { original: model, plan, patch });
    const again = await rewrite(memorySource(bytes), options);
    expect(Buffer.compare(await patchedBytes(again.patch), await patchedBytes(patch))).toBe(0);
  }
}

/** Likewise, or refused where the operators are too old for the block: below opset 7, Mul does not broadcast. */
async function intoAnythingNew(model: CorpusModel): Promise<number> {
  const opened = await openModel(memorySource(readFileSync(model.path)));
  if (opened.view.opset >= 7 || tappable(opened).length === 0) return intoAnything(model);
  expect((await errorOf(intoAnything(model))).code).toBe('blocks/unsupported-opset');
  return 0;
}

const LOCAL = localModels();
if (LOCAL.length === 0) console.warn('no local models: set SE_INJECT_MODELS to a folder of .onnx files');

describe.each([
  ['packaged models', packagedModels()],
  ['local models', LOCAL],
] as const)('%s', (_, models) => {
  describe.skipIf(models.length === 0)('are injected and brought back', () => {
    it.each(models)('$name', async (model) => {
      await intoSites(model);
    });

    it.each(models)('$name, at every placement', async (model) => {
      await intoPlacements(model);
    });

    it.each(models)('$name, at every value', async (model) => {
      await intoAnything(model);
    });
  });
});

const OPERATORS = operatorModels();
const hasOperators = hasPart('libonnx-testdata', OPERATORS.length > 0, 'apt-get install libonnx-testdata');
if (!hasOperators) console.warn('no models of single operators: apt-get install libonnx-testdata');

describe.skipIf(!hasOperators)('models of single operators', () => {
  it('have no site, or are injected and brought back', async () => {
    let injected = 0;
    for (const model of OPERATORS) {
      await intoSites(model).catch((error: unknown) => {
        throw new Error(`${model.name}: ${String(error)}`, { cause: error });
      });
      injected += await intoAnythingNew(model).catch((error: unknown) => {
        throw new Error(`${model.name}: ${String(error)}`, { cause: error });
      });
    }
    expect(injected).toBeGreaterThan(100);
  });
});
