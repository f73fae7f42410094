import type { NodeId } from '../graph/view.ts';
import { type Block, type Context, type Found, readingUses, reject } from './block.ts';
import { endsAsItIs, isLinear } from './forward.ts';
import { type InvertedResidual, readInvertedResidual } from './inverted-residual.ts';
import { outputOf, type Reading } from './reading.ts';
import { nodesOf } from './region.ts';
import type { Rejection } from './site.ts';

/** Finds inverted residuals without an Add around them: those that change the resolution or the number of channels. */
export function findLoneInvertedResiduals({ reading, taken }: Context): Found {
  const blocks: Block[] = [];
  const rejections: Rejection[] = [];
  const projects = new Set<NodeId>();
  for (const block of taken) if (block?.project !== undefined) projects.add(block.project);
  const readers = new Map<NodeId, InvertedResidual[]>();
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (step?.convolution?.pointwise !== true || step.convolution.fusedActivation) continue;
    if (taken[node] !== undefined || reading.owners[node] !== undefined) continue;
    const found = readInvertedResidual(reading, step);
    if (found === undefined || taken[found.depthwise.node] !== undefined) continue;
    if (!found.activated || !isLinear(reading, outputOf(reading, step))) continue;
    if (found.linearFeed !== undefined && !projects.has(found.linearFeed.node)) {
      rejections.push(
        reject(
          reading,
          found.depthwise.node,
          'no-project',
          'a linear 1x1 convolution leads into it: the 1x1 convolution behind it starts the next unit and projects none',
        ),
      );
      continue;
    }
    if (!reachesWeights(reading, found)) {
      rejections.push(
        reject(
          reading,
          found.depthwise.node,
          'decoding',
          "the 1x1 convolution behind it gives the network's predictions: it is no projection between blocks",
        ),
      );
      continue;
    }
    const list = readers.get(found.depthwise.node);
    if (list === undefined) readers.set(found.depthwise.node, [found]);
    else list.push(found);
    projects.add(node);
  }
  for (const [node, found] of readers) {
    const [only, second] = found;
    if (only === undefined) continue;
    if (second === undefined) blocks.push(makeBlock(reading, only));
    else {
      rejections.push(
        reject(
          reading,
          node,
          'no-project',
          `${found.length} 1x1 convolutions read it: none of them is its projection`,
        ),
      );
    }
  }
  return { blocks, rejections };
}

/** A backbone without its head ends in a projection too: it narrows what an expansion has widened. */
function reachesWeights(reading: Reading, { project, expand }: InvertedResidual): boolean {
  const output = outputOf(reading, project);
  if (reading.reachesWeights.has(output)) return true;
  const wide = expand?.convolution?.outChannels ?? 0;
  const narrow = project.convolution?.outChannels ?? 0;
  if (wide <= (expand?.convolution?.inChannels ?? 0) || narrow >= wide) return false;
  return endsAsItIs(reading, output);
}

function makeBlock(reading: Reading, found: InvertedResidual): Block {
  return {
    kind: 'inverted-residual',
    variant: found.expand === undefined ? 'no-expand' : 'expand',
    value: found.value,
    ...readingUses(reading, found.value, found.readers),
    anchor: found.depthwise.node,
    nodes: nodesOf(found.steps),
    around: { input: found.start, output: outputOf(reading, found.project), skip: undefined },
    gate: found.gate,
    project: found.project.node,
    expand: found.expand?.node,
  };
}
