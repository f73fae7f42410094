import type { NodeId, ValueId } from '../graph/view.ts';
import { type Convolution, isStrided } from './convolution.ts';
import { isBounded } from './gates.ts';
import { isClosed } from './module-branches.ts';
import {
  channelAxisOf,
  channelsOf,
  firstBehind,
  opTypeOf,
  outputOf,
  type Reading,
  stepBehind,
  typeOf,
} from './reading.ts';
import type { Branch } from './region.ts';
import type { Refusal, Rule } from './rules.ts';
import type { Skip } from './skip.ts';
import type { Step, StepRole } from './step.ts';

/** Images have this many channels at most: a skip around all of a network adds to its input. */
const IMAGE_CHANNELS = 4;

/** A skip over all of a network has this part of its convolutions in its branch, one to so many, or more. */
const WHOLE_SHARE = 3;

/** A join with its branches told apart. */
export interface Join {
  readonly reading: Reading;
  readonly join: NodeId;
  /** The value that both branches start from. */
  readonly source: ValueId;
  readonly residual: Branch;
  /** Those of the residual branch. */
  readonly steps: readonly Step[];
  readonly skips: readonly Skip[];
  readonly inner: InnerBlocks;
}

/** The residual blocks found so far, as marks on nodes. */
export interface InnerBlocks {
  /** 1 for their sums. */
  readonly joins: Uint8Array;
  /** 1 for all their nodes. */
  readonly nodes: Uint8Array;
  /** Sums that were turned down as those of transformers. */
  readonly attended: ReadonlySet<NodeId>;
}

/** What makes a join of a skip and a residual branch a residual block. */
export const BRANCH_RULES: readonly Rule<Join>[] = [
  { name: 'its residual branch holds no attention and no recurrent layer', refuse: refuseForeign },
  { name: 'its residual branch holds a convolution with weights', refuse: refuseUnweighted },
  { name: 'its operands have one shape', refuse: refuseBroadcast },
  {
    name: 'its residual branch stays at the resolution, or is a block that comes back to it',
    refuse: refuseClimb,
  },
  { name: 'its residual branch holds no other residual block', refuse: refuseNested },
  { name: "its skip is not the network's own input", refuse: refuseWholeNetwork },
  { name: 'its residual branch gives a map, no tokens of a transformer', refuse: refuseTokens },
  {
    name: 'its residual branch is no feed-forward layer behind attention',
    refuse: refuseFeedForward,
  },
  { name: 'its residual branch is more than the positions of a transformer', refuse: refusePosition },
];

function refuseForeign({ reading, steps }: Join): Refusal | undefined {
  if (steps.some((step) => step.role === 'attention' || isSoftmax(reading, step))) {
    return {
      reason: 'attention',
      detail: 'adds what attention computed: a transformer layer, no convolutional block',
    };
  }
  if (steps.some(({ role }) => role === 'recurrent')) {
    return { reason: 'recurrent', detail: 'adds what a recurrent layer computed' };
  }
  return undefined;
}

/** Separable attention is a product with scores instead of a matrix product. */
function isSoftmax(reading: Reading, { role, node }: Step): boolean {
  return role === 'activation' && opTypeOf(reading, node) === 'Softmax';
}

function refuseUnweighted({ steps }: Join): Refusal | undefined {
  if (steps.some(({ convolution }) => convolution?.form === 'conv')) return undefined;
  const [gate] = steps.filter(({ role }) => role === 'gate');
  if (gate !== undefined) {
    return {
      reason: 'has-gate',
      detail: 'adds the features to their own gated copy: a channel gate with a skip around it',
    };
  }
  return steps.some(({ convolution }) => convolution?.form === 'matmul')
    ? { reason: 'attention', detail: 'its branch mixes tokens by matrix products and holds no convolution' }
    : { reason: 'no-convolution', detail: 'its branch holds no convolution with weights' };
}

function refuseBroadcast({ reading, residual, skips }: Join): Refusal | undefined {
  const own = typeOf(reading, residual.operand)?.shape;
  const axis = channelAxisOf(reading, residual.operand);
  for (const { branch } of skips) {
    const other = typeOf(reading, branch.operand)?.shape;
    if (own === undefined || other === undefined) continue;
    if (own.length !== other.length) {
      return {
        reason: 'merges-branches',
        detail: 'its operands have different numbers of axes: one is broadcast over the other',
      };
    }
    const spread = own.some((dim, at) => at !== axis && at !== 0 && (dim === 1) !== (other[at] === 1));
    if (spread) {
      return {
        reason: 'merges-branches',
        detail: 'one of its operands is broadcast over positions: it adds a context to the features',
      };
    }
  }
  return undefined;
}

function refuseNested({ inner, join, steps }: Join): Refusal | undefined {
  const count = steps.filter(({ node }) => node !== join && inner.joins[node] === 1).length;
  if (count === 0) return undefined;
  const blocks = `${count} residual ${count === 1 ? 'block' : 'blocks'}`;
  const own = steps.some(({ node, convolution }) => convolution !== undefined && inner.nodes[node] === 0);
  return own
    ? {
        reason: 'long-skip',
        detail: `a long skip around ${blocks} and more: the blocks are handled each by itself`,
      }
    : {
        reason: 'nested',
        detail: `a skip around ${blocks} and nothing else, which are handled each by itself`,
      };
}

/**
 * A branch may go down and come back up only if it is a block of this resolution: the skip is bare, it goes down by
 * pooling and up by resizing, nothing on it is wider than the block or read from outside, and no blocks are in it. The
 * inside of an encoder and decoder, and the levels of a pyramid, are not so.
 */
function refuseClimb({ reading, join, source, residual, steps, skips, inner }: Join): Refusal | undefined {
  const main = mainSteps(reading, residual);
  if (!main.some(({ role }) => role === 'upsample')) {
    // A gate of positions may come from another resolution (GhostNetV2): what it scales has not left the block's.
    if (main.some(({ convolution }) => convolution !== undefined)) return undefined;
    if (!steps.some(({ role }) => role === 'upsample')) return undefined;
  }
  const width = channelsOf(reading, source) ?? Number.POSITIVE_INFINITY;
  const returns =
    skips.every(({ convolutions, pools }) => convolutions.length === 0 && pools === 0) &&
    steps.every(({ convolution }) => convolution === undefined || staysInside(convolution, width)) &&
    !steps.some(({ node }) => inner.joins[node] === 1) &&
    isClosed(reading, join, [residual]);
  if (returns) return undefined;
  return {
    reason: 'merges-resolutions',
    detail:
      'one of its operands was brought to this resolution by upsampling: a merge of a pyramid or a decoder',
  };
}

/** The steps of a branch that lead to its operand other than by a bounded factor. */
function mainSteps(reading: Reading, { operand, steps, sources }: Branch): readonly Step[] {
  const main = new Set<Step>();
  const waiting: ValueId[] = [operand];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const step = stepBehind(reading, value);
    if (sources.has(value) || step === undefined || !steps.has(step) || main.has(step)) continue;
    main.add(step);
    const factors = step.role === 'product' ? step.inputs.filter((input) => isBounded(reading, input)) : [];
    for (const input of step.inputs)
      if (factors.length === step.inputs.length || !factors.includes(input)) waiting.push(input);
  }
  return [...main];
}

function staysInside(convolution: Convolution, width: number): boolean {
  return (
    convolution.form !== 'transposed' && !isStrided(convolution) && (convolution.outChannels ?? 0) <= width
  );
}

/** A block at the network's start adds to its input too; a skip over the network has most of it inside. */
function refuseWholeNetwork({ reading, source, residual, skips }: Join): Refusal | undefined {
  if (reading.view.producers.has(source)) return undefined;
  if (skips.some(({ convolutions }) => convolutions.length > 0)) return undefined;
  const channels = channelsOf(reading, source);
  if (channels === undefined || channels > IMAGE_CHANNELS) return undefined;
  const inside = [...residual.steps].filter(({ convolution }) => convolution !== undefined).length;
  if (WHOLE_SHARE * inside < reading.convolutionCount) return undefined;
  return { reason: 'long-skip', detail: "adds the network's own input: a skip over the whole network" };
}

/**
 * Tokens are rows of a matrix: what a product gives at rank 3 has no map to squeeze. A branch that starts with a
 * convolution over positions is ConvNeXt's all the same.
 */
function refuseTokens({ reading, residual, steps }: Join): Refusal | undefined {
  let value = residual.operand;
  const rank = typeOf(reading, value)?.shape?.length;
  if (rank !== undefined && rank > 3) return undefined;
  if (rank === 3 && reading.attention.last !== undefined && steps.some((step) => isOnMap(reading, step))) {
    return {
      reason: 'attention',
      detail: "adds what convolutions on the map of a transformer's tokens gave",
    };
  }
  let last: Convolution | undefined;
  let first: Convolution | undefined;
  while (!residual.sources.has(value)) {
    const step = stepBehind(reading, value);
    if (step === undefined || step.inputs.length !== 1) break;
    if (step.convolution !== undefined) {
      last ??= step.convolution;
      first = step.convolution;
    }
    value = step.inputs[0] ?? '';
  }
  if (last?.form !== 'matmul') return undefined;
  // Feed-forward layers of transformers may hold a convolution too, and start with it (ESPnet's): theirs is not depthwise.
  if (first?.depthwise === true || (first?.form === 'conv' && reading.attention.last === undefined)) {
    return undefined;
  }
  return {
    reason: 'attention',
    detail: "adds the output of a transformer's feed-forward layer to its tokens",
  };
}

function isOnMap(reading: Reading, step: Step): boolean {
  if (step.convolution?.form !== 'conv') return false;
  const [, , ...sizes] = typeOf(reading, outputOf(reading, step))?.shape ?? [];
  return sizes.length === 2 && !sizes.includes(1);
}

/**
 * A feed-forward layer of 1x1 convolutions behind attention is the other half of a transformer's layer, where it starts
 * with its norm; convolutions that are followed by theirs (YOLO11's) are a block.
 */
function refuseFeedForward({ reading, source, residual, inner, steps }: Join): Refusal | undefined {
  const before = firstBehind(reading, source, BEFORE_FORK);
  if (before === undefined || !inner.attended.has(before.node)) return undefined;
  if (!steps.every(({ convolution }) => convolution === undefined || convolution.pointwise)) return undefined;
  const normal = steps.every(
    ({ convolution }) =>
      convolution === undefined ||
      firstBehind(reading, convolution.data, BEFORE_NORM, (value) => residual.sources.has(value)) !==
        undefined,
  );
  if (!normal) return undefined;
  return {
    reason: 'attention',
    detail:
      "adds the output of a transformer's feed-forward layer, of 1x1 convolutions, to what attention gave",
  };
}

/** What may lie between a norm and the convolution behind it. */
const BEFORE_NORM: ReadonlySet<StepRole> = new Set(['affine', 'pass', 'transpose', 'layout']);

/** What may lie between the sum of attention and the fork of the layer behind it. */
const BEFORE_FORK: ReadonlySet<StepRole> = new Set(['norm', 'affine', 'pass', 'transpose', 'layout']);

/** Transformers learn positions by a depthwise convolution with a skip around it. */
function refusePosition({ reading, steps }: Join): Refusal | undefined {
  const weighted = steps.filter(({ convolution }) => convolution !== undefined);
  const [only] = weighted;
  if (weighted.length !== 1 || (only?.convolution?.group ?? 1) === 1) return undefined;
  if (reading.attention.last === undefined) return undefined;
  return {
    reason: 'position-embedding',
    detail: 'a depthwise convolution that gives positions to a transformer',
  };
}
