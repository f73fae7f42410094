import type { NodeId, ValueId } from '../graph/view.ts';
import type { InvertedResidual } from './inverted-residual.ts';
import type { Branch } from './region.ts';
import type { Refusal, RuleAnswer } from './rules.ts';
import type { RejectionReason } from './site.ts';
import type { Skip } from './skip.ts';

/** Skip and residual branch of a sum, told apart. */
export interface Chosen {
  /** The value that all branches start from. */
  readonly source: ValueId;
  readonly residual: Branch;
  readonly skips: readonly Skip[];
  /** Why that one is the residual branch, as a clause. */
  readonly why: string;
}

/** How a sum was judged. */
export interface SumTrial {
  readonly kind: 'sum';
  readonly node: NodeId;
  readonly operands: readonly ValueId[];
  /** Nothing where there are more operands than are read. */
  readonly fork: NodeId | undefined;
  /** By operand; nothing where the walk back became longer than a block is. */
  readonly branches: readonly (Branch | undefined)[];
  readonly chosen: Chosen | undefined;
  readonly answers: readonly RuleAnswer[];
  readonly refusal: Refusal | undefined;
}

/** How a depthwise convolution was judged, with the 1x1 convolution behind it. */
export interface ChainTrial {
  readonly kind: 'chain';
  /** The depthwise convolution. */
  readonly node: NodeId;
  readonly family: 'inverted-residual' | 'depthwise-separable';
  readonly found: InvertedResidual;
  readonly answers: readonly RuleAnswer[];
  /** Without a reason where the finders after this one may take it. */
  readonly refusal: Refusal<RejectionReason | undefined> | undefined;
}

/** How a finder judged a candidate: told to whoever wants to know why. */
export type Trial = SumTrial | ChainTrial;

/** Hears of trials; they are made up only where somebody listens. */
export type Tell = (trial: Trial) => void;
