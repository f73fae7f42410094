import type { NodeId, ValueId } from '../graph/view.ts';
import type { Convolution } from './convolution.ts';

/**
 * What a step does to the features that pass through it:
 *
 * - `convolution`: multiplies by weights, over positions or not;
 * - `activation`: a function of each element, as one node or several;
 * - `norm`: a normalization, as one node or several;
 * - `affine`: scales and shifts by constants;
 * - `pass`: hands on, in another type or precision at most;
 * - `transpose`, `shuffle`, `layout`: moves numbers about;
 * - `pool`, `upsample`: changes the resolution;
 * - `gate`: scales each channel by a factor computed from the pooled features;
 * - `sum`, `product`, `concat`: joins branches;
 * - `attention`, `recurrent`: what no convolutional block holds;
 * - `other`: anything else.
 */
export type StepRole =
  | 'convolution'
  | 'activation'
  | 'norm'
  | 'affine'
  | 'pass'
  | 'transpose'
  | 'shuffle'
  | 'layout'
  | 'pool'
  | 'upsample'
  | 'gate'
  | 'sum'
  | 'product'
  | 'concat'
  | 'attention'
  | 'recurrent'
  | 'other';

/** One node, or several that spell one thing: from its inputs to the value that its last node writes. */
export interface Step {
  readonly role: StepRole;
  /** The last node. */
  readonly node: NodeId;
  /** All nodes, the last one included. */
  readonly nodes: readonly NodeId[];
  /** The data that it reads; for a gate, the features alone. */
  readonly inputs: readonly ValueId[];
  readonly convolution: Convolution | undefined;
}

/** Steps that give the same features, under another order of axes at most. */
export const LAID_OUT: ReadonlySet<StepRole> = new Set(['pass', 'transpose']);

/** Steps through which a chain is read as if they were not there. */
export const LOOKED_THROUGH: ReadonlySet<StepRole> = new Set(['norm', 'affine', 'pass', 'transpose']);
