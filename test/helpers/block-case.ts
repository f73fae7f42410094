import type { BlockDefinition, OptionValue } from '../../src/blocks/block.ts';
import type { Injection } from '../../src/splice/apply.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import { openModel } from '../../src/splice/model.ts';
import { planInjection } from '../../src/splice/plan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { handReport, handSite } from './hand-site.ts';
import { modelFromText } from './model-text.ts';

/** Where a block is tried: a network of nothing else. */
export interface BlockLayout {
  readonly name: string;
  /** Sizes of the features; what is no number is left open. */
  readonly dims: readonly (number | string)[];
  readonly last: boolean;
  readonly opset: number;
  readonly type: 'float' | 'float16' | 'double';
}

/** A model before and after a block was injected into it. */
export interface BlockCase {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly injection: Injection;
}

/** Injects one block into a network that gives its image out again. */
export async function blockCase(
  block: BlockDefinition,
  layout: BlockLayout,
  { init, ...blockOptions }: Readonly<Record<string, OptionValue>> & { readonly init: string },
): Promise<BlockCase> {
  const type = `${layout.type}[${layout.dims.join()}]`;
  const before = modelFromText(`<ir_version: 8, opset_import: ["" : ${layout.opset}]>
    net (${type} image) => (${type} y) { x = Identity (image) y = Identity (x) }`);
  const model = await openModel(memorySource(before));
  const site = handSite(model, { value: 'x', channelsLast: layout.last });
  const options = { block, blockOptions, init, seed: 11 };
  const injection = await applyPlan(model, await planInjection(model, handReport([site]), options), block);
  return { before, after: await patchedBytes(injection.patch), injection };
}
