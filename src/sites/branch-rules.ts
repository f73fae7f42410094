import type { NodeId, ValueId } from '../graph/view.ts';
import { type Convolution, isStrided } from './convolution.ts';
import { isClosed } from './module-branches.ts';
import { channelAxisOf, channelsOf, type Reading, stepBehind, typeOf } from './reading.ts';
import type { Branch } from './region.ts';
import type { RejectionReason } from './site.ts';
import type { Skip } from './skip.ts';
import type { Step } from './step.ts';

/** Images have this many channels at most: a skip around all of a network adds to its input. */
const IMAGE_CHANNELS = 4;

/** A join with its branches told apart. */
export interface Join {
  readonly reading: Reading;
  readonly join: NodeId;
  /** The value that both branches start from. */
  readonly source: ValueId;
  readonly residual: Branch;
  readonly skips: readonly Skip[];
  readonly inner: InnerBlocks;
}

/** The residual blocks found so far. */
export interface InnerBlocks {
  /** Their sums. */
  readonly joins: ReadonlySet<NodeId>;
  readonly nodes: ReadonlySet<NodeId>;
}

interface Refusal {
  readonly reason: RejectionReason;
  readonly detail: string;
}

/** Says why a join of a skip and a residual branch is none of a residual block, or gives nothing where it is one. */
export function judgeBranch(join: Join): Refusal | undefined {
  const steps = [...join.residual.steps];
  return (
    refuseForeign(join, steps) ??
    refuseUnweighted(join, steps) ??
    refuseBroadcast(join) ??
    refuseClimb(join, steps) ??
    refuseNested(join, steps) ??
    refuseWholeNetwork(join) ??
    refuseTokens(join) ??
    refusePosition(join, steps)
  );
}

function refuseForeign(_join: Join, steps: readonly Step[]): Refusal | undefined {
  if (steps.some(({ role }) => role === 'attention')) {
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

function refuseUnweighted(_join: Join, steps: readonly Step[]): Refusal | undefined {
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

function refuseNested({ inner, join }: Join, steps: readonly Step[]): Refusal | undefined {
  const count = steps.filter(({ node }) => node !== join && inner.joins.has(node)).length;
  if (count === 0) return undefined;
  const blocks = `${count} residual ${count === 1 ? 'block' : 'blocks'}`;
  const own = steps.some(({ node, convolution }) => convolution !== undefined && !inner.nodes.has(node));
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
function refuseClimb(
  { reading, join, source, residual, skips, inner }: Join,
  steps: readonly Step[],
): Refusal | undefined {
  if (!steps.some(({ role }) => role === 'upsample')) return undefined;
  const width = channelsOf(reading, source) ?? Number.POSITIVE_INFINITY;
  const returns =
    skips.every(({ convolutions, pools }) => convolutions.length === 0 && pools === 0) &&
    steps.every(({ convolution }) => convolution === undefined || staysInside(convolution, width)) &&
    !steps.some(({ node }) => inner.joins.has(node)) &&
    isClosed(reading, join, [residual]);
  if (returns) return undefined;
  return {
    reason: 'merges-resolutions',
    detail:
      'one of its operands was brought to this resolution by upsampling: a merge of a pyramid or a decoder',
  };
}

function staysInside(convolution: Convolution, width: number): boolean {
  return (
    convolution.form !== 'transposed' && !isStrided(convolution) && (convolution.outChannels ?? 0) <= width
  );
}

function refuseWholeNetwork({ reading, source, skips }: Join): Refusal | undefined {
  if (reading.view.producers.has(source)) return undefined;
  if (skips.some(({ convolutions }) => convolutions.length > 0)) return undefined;
  const channels = channelsOf(reading, source);
  if (channels === undefined || channels > IMAGE_CHANNELS) return undefined;
  return { reason: 'long-skip', detail: "adds the network's own input: a skip over the whole network" };
}

/** Tokens are rows of a matrix: what a product gives at rank 3 has no map to squeeze. */
function refuseTokens({ reading, residual }: Join): Refusal | undefined {
  let value = residual.operand;
  const rank = typeOf(reading, value)?.shape?.length;
  if (rank !== undefined && rank > 3) return undefined;
  while (!residual.sources.has(value)) {
    const step = stepBehind(reading, value);
    if (step === undefined || step.inputs.length !== 1) return undefined;
    if (step.convolution !== undefined) {
      return step.convolution.form === 'matmul'
        ? {
            reason: 'attention',
            detail: "adds the output of a transformer's feed-forward layer to its tokens",
          }
        : undefined;
    }
    value = step.inputs[0] ?? '';
  }
  return undefined;
}

/** Transformers learn positions by a depthwise convolution with a skip around it. */
function refusePosition({ reading }: Join, steps: readonly Step[]): Refusal | undefined {
  const weighted = steps.filter(({ convolution }) => convolution !== undefined);
  const [only] = weighted;
  if (weighted.length !== 1 || (only?.convolution?.group ?? 1) === 1) return undefined;
  if (reading.attention.last === undefined) return undefined;
  return {
    reason: 'position-embedding',
    detail: 'a depthwise convolution that gives positions to a transformer',
  };
}
