import type { NodeId } from '../graph/view.ts';
import { protoOf, type Reading, stepBehind } from './reading.ts';
import type { Step } from './step.ts';

/**
 * Reads a Reshape as the end of a channel shuffle: split the channels in groups, swap the two axes, put them together.
 *
 * Attention and windows reshape alike, but move an axis over more than one or swap axes that are not the channels'.
 */
export function readShuffle(reading: Reading, node: NodeId): Step | undefined {
  if (protoOf(reading, node).opType !== 'Reshape') return undefined;
  const swap = stepBehind(reading, protoOf(reading, node).input[0] ?? '');
  if (swap?.role !== 'transpose') return undefined;
  const split = stepBehind(reading, swap.inputs[0] ?? '');
  if (split === undefined || protoOf(reading, split.node).opType !== 'Reshape') return undefined;
  const source = split.inputs[0];
  const perm = protoOf(reading, swap.node).attribute.get('perm')?.ints;
  const axis = source === undefined ? undefined : reading.channelAxes.get(source);
  if (source === undefined || perm === undefined || axis === undefined) return undefined;
  const rank = reading.types.get(source)?.shape?.length;
  if (rank === undefined || rank < 3) return undefined;
  const first =
    axis === 1 && ((perm.length >= 4 && swapsAt(perm, 1)) || (perm.length === 3 && swapsAt(perm, 0)));
  const last = axis === rank - 1 && rank > 3 && perm.length === rank + 1 && swapsAt(perm, rank - 1);
  if (!first && !last) return undefined;
  return {
    role: 'shuffle',
    node,
    nodes: [split.node, swap.node, node],
    inputs: [source],
    convolution: undefined,
  };
}

function swapsAt(perm: readonly number[], at: number): boolean {
  return perm.every((from, to) => from === (to === at ? at + 1 : to === at + 1 ? at : to));
}
