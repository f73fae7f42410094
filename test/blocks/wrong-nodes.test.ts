import { describe, expect, it } from 'vitest';
import { type BlockDefinition, defineBlock, type OptionValue } from '../../src/blocks/block.ts';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { checkSitesInFloat64 } from '../../src/verify/in-float64.ts';
import { type BlockLayout, blockCase } from '../helpers/block-case.ts';

/** For each operator another one that takes the same inputs and gives the same shape. */
const OTHER: Readonly<Record<string, string>> = {
  Add: 'Sub',
  Div: 'Mul',
  Erf: 'Tanh',
  Exp: 'Identity',
  GlobalAveragePool: 'GlobalMaxPool',
  GlobalMaxPool: 'GlobalAveragePool',
  HardSigmoid: 'Sigmoid',
  HardSwish: 'Relu',
  LeakyRelu: 'Relu',
  Mul: 'Add',
  ReduceMax: 'ReduceMean',
  ReduceMean: 'ReduceMax',
  ReduceSum: 'ReduceMean',
  ReduceSumSquare: 'ReduceSum',
  Relu: 'Identity',
  Sigmoid: 'Tanh',
  Sqrt: 'Identity',
  Sub: 'Add',
  Tanh: 'Sigmoid',
};

/**
 * What no result can tell: a softmax is the same whatever is taken from all of its logits or added to them, and the numbers that keep
 * roots and quotients from 0 are below what rounding may lose.
 */
const SAME = /^(attention|top|fallen|.*shifted)$/;

const LAYOUTS: readonly BlockLayout[] = [
  { name: 'channels first', dims: [2, 6, 4, 5], last: false, opset: 18, type: 'float' },
  { name: 'channels last', dims: [2, 4, 5, 6], last: true, opset: 18, type: 'float' },
];

type Setting = Readonly<Record<string, OptionValue>>;

const ALSO: Readonly<Record<string, readonly Setting[]>> = {
  se: [
    { squeeze: 'avg+max', normalization: 'layer', activation: 'gelu', gate: 'tanh' },
    { squeeze: 'max', normalization: 'batch', activation: 'leakyrelu', gate: 'hardsigmoid' },
    { squeeze: 'none', activation: 'silu', gate: '2*sigmoid' },
  ],
  gc: [{ fusion: 'scale' }],
  ge: [{ parametric: false }],
};

/** Whether the reference finds a difference in the block that stands in a model. */
async function isFound(block: BlockDefinition, layout: BlockLayout, setting: Setting): Promise<boolean> {
  const reduced = block.options['reducedChannels'] === undefined ? {} : { reducedChannels: 4 };
  const { injection } = await blockCase(block, layout, { ...reduced, ...setting, init: 'kaiming-uniform' });
  const { model, record } = injection;
  if (record === undefined) throw new Error('nothing was injected');
  const sources = { beforeSource: { bytes: new Uint8Array(0) }, afterSource: { bytes: new Uint8Array(0) } };
  const [site] = await checkSitesInFloat64({ before: model, after: model, ...sources }, record, block);
  return site?.findings.some(({ code }) => code === 'not-the-block') === true;
}

describe.each(LAYOUTS)('$name', (layout) => {
  it.each(BLOCKS)(
    '$name: each node that computes something else is found by the reference',
    async (block) => {
      for (const setting of [{}, ...(ALSO[block.name] ?? [])]) {
        expect(await isFound(block, layout, setting)).toBe(false);
        const { injection } = await blockCase(block, layout, { ...setting, init: 'kaiming-uniform' });
        const [recorded] = injection.record?.sites ?? [];
        if (recorded === undefined) throw new Error('nothing was injected');
        const nodes = block.build(recorded.site, recorded.options);
        const missed: string[] = [];
        for (const { name, opType } of nodes) {
          const other = OTHER[opType];
          if (other === undefined || SAME.test(name)) continue;
          const wrong = defineBlock({
            ...block,
            build: (site, options) =>
              block
                .build(site, options)
                .map((node) => (node.name === name ? { ...node, opType: other } : node)),
          });
          if (!(await isFound(wrong, layout, setting))) missed.push(name);
        }
        expect(missed).toEqual([]);
      }
    },
  );
});
