import type { NodeId, ValueId } from '../graph/view.ts';
import { constantInput, opTypeOf, protoOf, type Reading, stepBehind } from './reading.ts';
import type { Step } from './step.ts';

/**
 * Reads a node as a channel shuffle, in any of its spellings: the channels split in groups, the two axes swapped and put
 * together again; one of every few channels taken, by a step or from an axis of the groups; or the channels picked one
 * by one in another order.
 */
export function readShuffle(reading: Reading, node: NodeId): Step | undefined {
  const opType = opTypeOf(reading, node);
  const step = (nodes: readonly NodeId[], source: ValueId): Step => ({
    role: 'shuffle',
    node,
    nodes,
    inputs: [source],
    convolution: undefined,
  });
  if (opType === 'Reshape') {
    const swapped = readSwap(reading, node);
    return swapped === undefined ? undefined : step(swapped.nodes, swapped.source);
  }
  if (!PICKS.has(opType)) return undefined;
  const [source = ''] = protoOf(reading, node).input;
  const picks =
    picksGroups(reading, node, source) ||
    (opType === 'Slice' && skipsChannels(reading, node, source)) ||
    (opType === 'Gather' && reorders(reading, node, source));
  return picks ? step([node], source) : undefined;
}

/** What may take one of every few channels. */
const PICKS: ReadonlySet<string> = new Set(['Gather', 'Slice', 'Split']);

/**
 * The Reshape that puts swapped groups together.
 *
 * Attention and windows reshape alike, but move an axis over more than one or swap axes that are not the channels'.
 */
function readSwap(
  reading: Reading,
  node: NodeId,
): { readonly nodes: readonly NodeId[]; readonly source: ValueId } | undefined {
  const swap = stepBehind(reading, protoOf(reading, node).input[0] ?? '');
  if (swap?.role !== 'transpose') return undefined;
  const split = stepBehind(reading, swap.inputs[0] ?? '');
  if (split === undefined || opTypeOf(reading, split.node) !== 'Reshape') return undefined;
  const source = split.inputs[0];
  const perm = protoOf(reading, swap.node).attribute.get('perm')?.ints;
  const axis = source === undefined ? undefined : reading.channelAxes.get(source);
  if (source === undefined || perm === undefined || axis === undefined) return undefined;
  const rank = reading.types.get(source)?.shape?.length;
  if (rank === undefined || rank < 3) return undefined;
  const first =
    axis === 1 && ((perm.length >= 4 && swapsAt(perm, 1)) || (perm.length === 3 && swapsAt(perm, 0)));
  const last = axis === rank - 1 && rank > 3 && perm.length === rank + 1 && swapsAt(perm, rank - 1);
  return first || last ? { nodes: [split.node, swap.node, node], source } : undefined;
}

function swapsAt(perm: readonly number[], at: number): boolean {
  return perm.every((from, to) => from === (to === at ? at + 1 : to === at + 1 ? at : to));
}

/** Whether a node takes parts of the second axis of two that the channels were split into: one of every few channels. */
function picksGroups(reading: Reading, node: NodeId, source: ValueId): boolean {
  const split = stepBehind(reading, source);
  if (split === undefined || opTypeOf(reading, split.node) !== 'Reshape') return false;
  const whole = split.inputs[0] ?? '';
  const axis = reading.channelAxes.get(whole);
  const before = reading.types.get(whole)?.shape;
  const after = reading.types.get(source)?.shape;
  if (axis === undefined || before === undefined || after?.length !== before.length + 1) return false;
  const [groups, members, channels] = [after[axis], after[axis + 1], before[axis]];
  if (typeof groups !== 'number' || typeof members !== 'number' || groups * members !== channels)
    return false;
  return axisOf(reading, node, after.length) === axis + 1;
}

/** Whether a Slice takes every second, third, ... channel. */
function skipsChannels(reading: Reading, node: NodeId, source: ValueId): boolean {
  const axis = reading.channelAxes.get(source);
  const rank = reading.types.get(source)?.shape?.length;
  const steps = constantInput(reading, node, 4)?.numbers;
  if (axis === undefined || rank === undefined || steps === undefined) return false;
  const axes = constantInput(reading, node, 3)?.numbers ?? steps.map((_, at) => at);
  return steps.some((step, at) => Math.abs(step) > 1 && ((axes[at] ?? 0) + rank) % rank === axis);
}

/** Whether a Gather takes channels in another order than that of a run, forward or backward. */
function reorders(reading: Reading, node: NodeId, source: ValueId): boolean {
  const axis = reading.channelAxes.get(source);
  const rank = reading.types.get(source)?.shape?.length;
  const indices = constantInput(reading, node, 1)?.numbers;
  if (axis === undefined || rank === undefined || indices === undefined) return false;
  if (axisOf(reading, node, rank) !== axis) return false;
  return indices.some((index, at) => at > 0 && Math.abs(index - (indices[at - 1] ?? 0)) !== 1);
}

/** The axis that a node works on, counted from the first; of a Slice, its only one. */
function axisOf(reading: Reading, node: NodeId, rank: number): number | undefined {
  const { opType, attribute } = protoOf(reading, node);
  const listed =
    opType === 'Slice'
      ? (attribute.get('axes')?.ints ?? constantInput(reading, node, 3)?.numbers)
      : undefined;
  const axis =
    opType === 'Slice' ? (listed?.length === 1 ? listed[0] : undefined) : (attribute.get('axis')?.i ?? 0);
  return axis === undefined ? undefined : (axis + rank) % rank;
}
