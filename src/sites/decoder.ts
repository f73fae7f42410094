import { allUses, type Block, type Context, type Found, firstReader } from './block.ts';
import { joinsChannels } from './module-branches.ts';
import { firstBehind, outputOf, type Reading } from './reading.ts';
import { nodesOf } from './region.ts';
import type { Step, StepRole } from './step.ts';

/** Between the upsampling and the join. */
const ON_THE_WAY: ReadonlySet<StepRole> = new Set([
  'convolution',
  'activation',
  'norm',
  'affine',
  'pass',
  'transpose',
  'layout',
]);

/** Finds the stages of decoders, for those who ask for them: joins of upsampled features with those of an encoder. */
export function findDecoderStages({ reading, taken, asked }: Context): Found {
  const blocks: Block[] = [];
  if (!asked.has('decoder')) return { blocks, rejections: [] };
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (
      step === undefined ||
      taken[node] !== undefined ||
      reading.owners[node] !== undefined ||
      !isStage(reading, step)
    )
      continue;
    const value = outputOf(reading, step);
    if (!reading.reachesWeights.has(value)) continue;
    blocks.push({
      kind: 'decoder',
      variant: step.role,
      value,
      uses: allUses(reading, value),
      reader: firstReader(reading, value),
      anchor: node,
      nodes: nodesOf([step]),
      around: { input: step.inputs[0] ?? '', output: value, skip: step.inputs[1] },
      gate: undefined,
      project: undefined,
      expand: undefined,
    });
  }
  return { blocks, rejections: [] };
}

function isStage(reading: Reading, step: Step): boolean {
  if (step.role !== 'sum' && !(step.role === 'concat' && joinsChannels(reading, step))) return false;
  const raised = step.inputs.filter((value) => firstBehind(reading, value, ON_THE_WAY)?.role === 'upsample');
  return raised.length > 0 && raised.length < step.inputs.length;
}
