import { describe, expect, it } from 'vitest';
import { residualNet } from '../../fixtures/strange/nets.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { join, wireWriter } from '../../fixtures/wire-writer.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { scratchSource } from '../helpers/sources.ts';

const w = wireWriter();

describe('scanModel', () => {
  it('keeps no view of what the source gave', async () => {
    // Long comments inside of tensors and attributes, so that the window moves while they are read.
    const comment = 'x'.repeat(20_000);
    const extras = { tensor: w.text(12, comment), attribute: join(w.text(13, comment), w.text(21, 'alpha')) };
    const bytes = writeModel(w, residualNet().model, { extras });
    const { source: _, ...model } = await scanModel(memorySource(bytes));
    const { source: __, ...careless } = await scanModel(scratchSource(bytes));
    expect(careless).toEqual(model);
  });
});
