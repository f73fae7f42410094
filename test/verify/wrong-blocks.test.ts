import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { type BlockDefinition, defineBlock, type NodeSpec } from '../../src/blocks/block.ts';
import { se } from '../../src/blocks/se.ts';
import { findSites } from '../../src/sites/index.ts';
import { applyPlan, openModel, planInjection } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { injectBytes, verifyBytes } from '../helpers/verify-bytes.ts';

const before = cifarResnet20({ shortcut: 'poolConcat', style: STYLES.torchscript }).model;

/** A block that builds something else than it declares: record and file agree, so only the float64 reference can tell. */
function brokenSe(change: (node: NodeSpec) => NodeSpec): BlockDefinition {
  return defineBlock({ ...se, build: (site, options) => se.build(site, options).map(change) });
}

const BROKEN: readonly {
  name: string;
  options: Record<string, string>;
  change: (node: NodeSpec) => NodeSpec;
}[] = [
  {
    name: "HardSigmoid with ONNX's default alpha",
    options: { gate: 'hardsigmoid' },
    change: (node) =>
      node.opType === 'HardSigmoid' ? { name: node.name, opType: node.opType, inputs: node.inputs } : node,
  },
  {
    name: 'a gate without its 2',
    options: {},
    change: (node) =>
      node.name === 'gate' && node.opType === 'Mul'
        ? { ...node, opType: 'Sigmoid', inputs: ['expand'] }
        : node,
  },
  {
    name: 'an excitation without its activation',
    options: {},
    change: (node) => (node.name === 'act' ? { ...node, opType: 'Identity' } : node),
  },
  {
    name: 'a maximum for an average',
    options: {},
    change: (node) => (node.opType === 'GlobalAveragePool' ? { ...node, opType: 'GlobalMaxPool' } : node),
  },
];

describe('a block that computes something else than its options say', () => {
  it.each(BROKEN)(
    '$name is found by the float64 reference, in a neutral injection too',
    async ({ options, change }) => {
      const block = brokenSe(change);
      const after = await injectBytes(before, { block, blockOptions: options });
      const report = await verifyBytes(before, after, { blocks: [block] });
      expect(report.edit).toEqual({ ok: true, findings: [] });
      expect(report.verdict).toBe('fail');
      const codes = report.providers[0]?.sites.flatMap(({ findings }) => findings.map(({ code }) => code));
      expect(codes).toContain('not-the-block');
    },
  );

  it.each(['neutral', 'kaiming-uniform'])('passes as it is, started %s', async (init) => {
    const gate = init === 'neutral' ? 'hardsigmoid' : 'sigmoid';
    const after = await injectBytes(before, { init, blockOptions: { gate } });
    expect((await verifyBytes(before, after)).verdict).toBe('pass');
  });
});

describe('a block at the wrong place', () => {
  it.each(['neutral', 'kaiming-uniform'])(
    'is found by the edit check on the skip branch, started %s',
    async (init) => {
      const model = await openModel(memorySource(before));
      const report = findSites(model.view, model.types);
      const sites = report.sites.map((site) => {
        const { skip } = site.block;
        const [use] = site.uses;
        if (skip === undefined || use?.kind !== 'input')
          throw new Error('a residual block has a skip operand');
        return { ...site, value: skip, uses: [{ ...use, input: 1 - use.input }] };
      });
      const plan = await planInjection(model, { ...report, sites: sites.slice(0, 1) }, { init });
      const after = await patchedBytes((await applyPlan(model, plan)).patch);
      const verified = await verifyBytes(before, after);
      expect(verified.edit.findings.map(({ code }) => code)).toEqual(['not-a-site']);
      expect(verified.verdict).toBe('fail');
    },
  );
});
