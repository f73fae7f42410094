import type { NodeId } from '../graph/view.ts';
import { type Block, type Context, type Found, readingUses, reject } from './block.ts';
import { endsAsItIs, isLinear } from './forward.ts';
import { type InvertedResidual, readInvertedResidual } from './inverted-residual.ts';
import { outputOf, type Reading } from './reading.ts';
import { nodesOf } from './region.ts';
import { answersOf, askRules, type Rule } from './rules.ts';
import type { Rejection, RejectionReason } from './site.ts';

interface Candidate {
  readonly reading: Reading;
  readonly found: InvertedResidual;
  /** The project convolutions of the blocks so far. */
  readonly projects: ReadonlySet<NodeId>;
}

/** What makes a depthwise convolution and the 1x1 convolution behind it an inverted residual. */
const INVERTED_RULES: readonly Rule<Candidate, RejectionReason | undefined>[] = [
  {
    name: 'an activation stands between the depthwise and the 1x1 convolution',
    refuse: ({ found }) => (found.activated ? undefined : { reason: undefined, detail: 'none stands there' }),
  },
  {
    name: 'the 1x1 convolution is linear, so that it projects',
    refuse: ({ reading, found: { project } }) =>
      project.convolution?.fusedActivation !== true && isLinear(reading, outputOf(reading, project))
        ? undefined
        : { reason: undefined, detail: 'an activation follows it' },
  },
  {
    name: 'the 1x1 convolution is its own, and does not start the next unit',
    refuse: ({ found: { linearFeed }, projects }) =>
      linearFeed === undefined || projects.has(linearFeed.node)
        ? undefined
        : {
            reason: 'no-project',
            detail:
              'a linear 1x1 convolution leads into it: the 1x1 convolution behind it starts the next unit and projects none',
          },
  },
  {
    name: "the 1x1 convolution does not give the network's predictions",
    refuse: ({ reading, found }) =>
      reachesWeights(reading, found)
        ? undefined
        : {
            reason: 'decoding',
            detail:
              "the 1x1 convolution behind it gives the network's predictions: it is no projection between blocks",
          },
  },
];

/** Finds inverted residuals without an Add around them: those that change the resolution or the number of channels. */
export function findLoneInvertedResiduals({ reading, taken, tell }: Context): Found {
  const blocks: Block[] = [];
  const rejections: Rejection[] = [];
  const projects = new Set<NodeId>();
  for (const block of taken) if (block?.project !== undefined) projects.add(block.project);
  const readers = new Map<NodeId, InvertedResidual[]>();
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (step?.convolution?.pointwise !== true || taken[node] !== undefined) continue;
    if (reading.owners[node] !== undefined) continue;
    const found = readInvertedResidual(reading, step);
    if (found === undefined || taken[found.depthwise.node] !== undefined) continue;
    const depthwise = found.depthwise.node;
    const refused = askRules(INVERTED_RULES, { reading, found, projects });
    tell?.({
      kind: 'chain',
      node: depthwise,
      family: 'inverted-residual',
      found,
      answers: answersOf(INVERTED_RULES, refused),
      refusal: refused,
    });
    if (refused !== undefined) {
      if (refused.reason !== undefined) {
        rejections.push(reject(reading, depthwise, refused.reason, refused.detail));
      }
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
