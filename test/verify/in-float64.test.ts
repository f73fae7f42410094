import { describe, expect, it } from 'vitest';
import { resnet } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { defineBlock } from '../../src/blocks/block.ts';
import { se } from '../../src/blocks/se.ts';
import { openModel, readRecords } from '../../src/splice/index.ts';
import { checkSitesInFloat64 } from '../../src/verify/in-float64.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { injectBytes } from '../helpers/verify-bytes.ts';

const before = resnet({ depth: 18, width: 4, style: STYLES.torchscript }).model;

async function check(after: Uint8Array, block = se): ReturnType<typeof checkSitesInFloat64> {
  const model = await openModel(memorySource(after));
  const record = readRecords(model.file).records.at(-1);
  if (record === undefined) throw new Error('no record');
  const sources = { beforeSource: { bytes: before }, afterSource: { bytes: after } };
  return checkSitesInFloat64({ before: model, after: model, ...sources }, record, block);
}

describe('blocks without a runtime', () => {
  it.each([
    ['neutral', {}],
    ['neutral', { gate: 'hardsigmoid' }],
    ['kaiming-uniform', {}],
    ['kaiming-normal', { activation: 'silu', bias: false }],
    ['xavier-uniform', { activation: 'hardswish', gate: 'hardsigmoid' }],
  ])('are recomputed from their nodes in the file: %s, %o', async (init, blockOptions) => {
    const sites = await check(await injectBytes(before, { init, blockOptions }));
    expect(sites).toHaveLength(8);
    expect(sites.every(({ ok, findings }) => ok && findings.length === 0)).toBe(true);
    expect(sites.every(({ bitExact }) => bitExact)).toBe(init === 'neutral');
  });

  it('are found out where they compute something else than their options say', async () => {
    const broken = defineBlock({
      ...se,
      build: (site, options) =>
        se.build(site, options).map((node) => (node.name === 'act' ? { ...node, opType: 'Identity' } : node)),
    });
    const sites = await check(await injectBytes(before, { block: broken }), broken);
    expect(sites.flatMap(({ findings }) => findings.map(({ code }) => code))).toEqual(
      Array(8).fill('not-the-block'),
    );
  });

  it('are left open where they have operators that are not evaluated', async () => {
    const strange = defineBlock({
      ...se,
      build: (site, options) =>
        se.build(site, options).map((node) => (node.name === 'act' ? { ...node, opType: 'Softsign' } : node)),
    });
    const [site] = await check(await injectBytes(before, { block: strange }), strange);
    expect(site?.findings.map(({ level, code }) => [level, code])).toEqual([['unchecked', 'no-reference']]);
  });
});
