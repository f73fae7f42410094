/**
 * The graph of every block, frozen in a file each: where one changes, the block's `version` must too, since models
 * record it. `npx vitest run test/blocks/graphs.test.ts -u` writes them.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BlockDefinition, BlockSite, NodeSpec, WeightSpec } from '../../src/blocks/block.ts';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { resolveOptions } from '../../src/splice/plan.ts';
import { blockSite } from '../helpers/block-site.ts';

const SITES: Readonly<Record<string, Partial<BlockSite>>> = {
  'opset 17': { opset: 17 },
  'opset 18, channels last': { opset: 18, channelAxis: 3 },
  'opset 7, float16': { opset: 7, dataType: DataType.FLOAT16 },
};

function showNode({ name, opType, inputs, attributes = {} }: NodeSpec): string {
  const shown = Object.entries(attributes).map(([key, value]) => `${key}: ${Object.values(value).join()}`);
  return `${name} = ${opType}${shown.length === 0 ? '' : ` <${shown.join('; ')}>`} (${inputs.join(', ')})`;
}

function showWeight({ name, dims, role, value, start }: WeightSpec): string {
  const number = value === undefined ? (start === undefined ? '' : ` from ${start}`) : ` = ${value.join()}`;
  return `${role} ${name} [${dims.join()}]${number}`;
}

function show(block: BlockDefinition): string {
  const parts = Object.entries(SITES).map(([title, given]) => {
    const site = blockSite({ channels: 32, ...given });
    const init = block.name === 'simam' ? 'he' : 'neutral';
    const options = resolveOptions(block, {}, site, init);
    const lines = [
      ...block.weights(site, options).map(showWeight),
      ...block.build(site, options).map(showNode),
    ];
    return [`${title}:`, ...lines.map((line) => `  ${line}`), ''].join('\n');
  });
  return [`${block.name} ${block.version}\n`, ...parts].join('\n');
}

it.each(BLOCKS)('$name has the graph that its version says', async (block) => {
  await expect(show(block)).toMatchFileSnapshot(join(import.meta.dirname, 'graphs', `${block.name}.txt`));
});
