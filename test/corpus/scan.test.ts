import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lintModel } from '../../src/graph/lint.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchBytes, patchedBytes } from '../../src/wire/patch.ts';
import { expectAgreement } from '../helpers/agreement.ts';
import { type CorpusModel, localModels, operatorModels, packagedModels } from '../helpers/corpus.ts';
import { hasPart } from '../helpers/parts.ts';

/** Scans a model, writes it without an edit, and holds what the scan says against the independent parser. */
async function check({ path }: CorpusModel): Promise<void> {
  const bytes = readFileSync(path);
  const model = await scanModel(memorySource(bytes));
  expect(Buffer.compare(await patchedBytes(patchBytes(model.source, [])), bytes)).toBe(0);
  expectAgreement(model, bytes);
  expect(lintModel(model)).toEqual([]);
}

const LOCAL = localModels();
// A folder that only a developer has: nothing that .ci/run could install.
if (LOCAL.length === 0) console.warn('no local models: set SE_INJECT_MODELS to a folder of .onnx files');

describe('packaged models', () => {
  it.each(packagedModels())('$name is scanned as the independent parser reads it', check);
});

describe.skipIf(LOCAL.length === 0)('local models', () => {
  it.each(LOCAL)('$name is scanned as the independent parser reads it', check);
});

const OPERATORS = operatorModels();
const hasOperators = hasPart('libonnx-testdata', OPERATORS.length > 0, 'apt-get install libonnx-testdata');
if (!hasOperators) console.warn('no models of single operators: apt-get install libonnx-testdata');

describe.skipIf(!hasOperators)('models of single operators', () => {
  it('are many', () => {
    expect(OPERATORS.length).toBeGreaterThan(1000);
  });

  // One test each would be a thousand lines of report; a failure names the file.
  it('are scanned as the independent parser reads them', async () => {
    for (const model of OPERATORS) {
      await check(model).catch((error: unknown) => {
        throw new Error(`${model.name}: ${String(error)}`, { cause: error });
      });
    }
  });
});
