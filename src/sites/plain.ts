import { allUses, type Block, type Context, type Found, firstReader } from './block.ts';
import { activatedOutput } from './forward.ts';
import { RECURRENT } from './operators.ts';
import { outputOf, type Reading } from './reading.ts';
import { nodesOf } from './region.ts';
import type { StepRole } from './step.ts';

/** One layer alone is no network of plain convolutions. */
const FEWEST = 2;

const OTHER: ReadonlySet<StepRole> = new Set(['gate', 'attention', 'recurrent']);
const MERGES: ReadonlySet<StepRole> = new Set(['sum', 'product', 'concat']);

/**
 * Finds plain convolutions with an activation, as VGG has them. The value is the one behind the activation.
 *
 * Taken when asked for, or when the network has nothing else: then it must be a plain network, without branches, and what
 * lies behind an upsampling is left alone.
 */
export function findPlains({ reading, taken, asked }: Context): Found {
  const wanted = asked.has('plain');
  if (!wanted && (taken.some((block) => block !== undefined) || hasOther(reading)))
    return { blocks: [], rejections: [] };
  const raised = wanted ? new Set<string>() : valuesBehindUpsampling(reading);
  const blocks: Block[] = [];
  for (const node of reading.order) {
    const step = reading.steps[node];
    const convolution = step?.convolution;
    if (step === undefined || convolution?.form !== 'conv' || convolution.depthwise || step.inputs.length > 1)
      continue;
    if (taken[node] !== undefined || reading.owners[node] !== undefined) continue;
    const end = activatedOutput(reading, step);
    if (end === undefined || raised.has(end.value) || !reading.reachesWeights.has(end.value)) continue;
    blocks.push({
      kind: 'plain',
      variant: 'conv',
      value: end.value,
      uses: allUses(reading, end.value),
      reader: firstReader(reading, end.value),
      anchor: node,
      nodes: nodesOf([step], end.steps),
      around: { input: convolution.data, output: end.value, skip: undefined },
      gate: undefined,
      project: undefined,
      expand: undefined,
    });
  }
  return { blocks: wanted || blocks.length >= FEWEST ? blocks : [], rejections: [] };
}

/** What a plain network does not have: depthwise layers, gates, attention, recurrence (in bodies too), early merges. */
function hasOther(reading: Reading): boolean {
  for (const step of reading.steps) {
    if (step === undefined) continue;
    if (
      OTHER.has(step.role) ||
      step.convolution?.depthwise === true ||
      (step.inputs.length > 1 && step.convolution !== undefined)
    )
      return true;
    if (MERGES.has(step.role) && reading.reachesWeights.has(outputOf(reading, step))) return true;
  }
  const { nodes, wires } = reading.view;
  return wires.withBodies.some((node) =>
    nodes[node]?.bodies.some((body) => body.node.some(({ opType }) => RECURRENT.has(opType))),
  );
}

function valuesBehindUpsampling(reading: Reading): ReadonlySet<string> {
  const raised = new Set<string>();
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (step === undefined || (step.role !== 'upsample' && !step.inputs.some((value) => raised.has(value))))
      continue;
    for (const value of reading.view.nodes[node]?.output ?? []) raised.add(value);
  }
  return raised;
}
