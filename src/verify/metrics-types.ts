import type { Element } from './elements.ts';

/** What came of comparing two tensors. */
export type TensorComparison = ComparedTensors | IncomparableTensors;

/** Two tensors that cannot be laid side by side, which is a difference of its own. */
export interface IncomparableTensors {
  /** Tells it from a comparison. */
  readonly status: 'incomparable';
  /** `length` where the data of one do not fill its own shape. */
  readonly reason: 'data-type' | 'shape' | 'length';
  /** For people: `shape [1, 10] before, [1, 9] after`. */
  readonly detail: string;
}

/**
 * How far apart two tensors of one type and shape are.
 *
 * The distances are taken in float64 over the positions where both are finite; every other position is counted in
 * `nonFinite`. Bools are 0 and 1. Two strings are 0 apart where they are equal and 1 where not.
 */
export interface ComparedTensors {
  /** Tells it from what cannot be compared. */
  readonly status: 'compared';
  /** Elements in all. */
  readonly count: number;
  /** Positions where both are finite. Where there is none, the comparison says nothing, however equal the two look. */
  readonly finite: number;
  /** False where no position is finite on both sides: all NaN, or no element at all. */
  readonly informative: boolean;
  /** Largest |after - before|. Infinite only where it overflows float64. */
  readonly maxAbs: number;
  /** Largest |after - before| / max(|after|, |before|): 0 to 2, 1 where one of them is 0. */
  readonly maxRel: number;
  /** Mean |after - before|. */
  readonly meanAbs: number;
  /** Root of the mean squared difference. */
  readonly rmse: number;
  /** Cosine of the angle between the two as vectors, -1 to 1; null where one of them is all 0. */
  readonly cosine: number | null;
  /** Energy of `before` over that of the difference, in decibels; null where either is 0. */
  readonly snrDb: number | null;
  /**
   * Whether every element has the same bits. 0 and -0 have not. NaN equals NaN whatever their payloads: IEEE 754 leaves
   * an operation's payload open, and no result depends on it.
   */
  readonly bitExact: boolean;
  /** Positions that are not bit-exact: unequal numbers, `signedZeros` and the mismatches of `nonFinite`. */
  readonly differing: number;
  /** Positions that are 0 on one side and -0 on the other. */
  readonly signedZeros: number;
  /** The first position that is not bit-exact; null where there is none. */
  readonly firstDifference: ElementDifference | null;
  /** The share of predictions that agree, 0 to 1; null where the shape is not one of predictions. */
  readonly argmaxAgreement: number | null;
  /** Positions that no distance covers. */
  readonly nonFinite: NonFiniteCounts;
  /** Root mean square of `before`. */
  readonly rms: number;
  /** Largest |before|: the magnitude that a tolerance in ULPs refers to. */
  readonly peak: number;
  /** What `np.allclose(after, before, rtol, atol)` would have to be given, either alone. */
  readonly smallestTolerance: SmallestTolerance;
}

/** An element that differs. */
export interface ElementDifference {
  /** Its place in row-major order. */
  readonly index: number;
  /** What it was; a 64-bit integer that is no exact number is its decimal text. */
  readonly before: Element;
  /** What it is. */
  readonly after: Element;
}

/** Positions that are not finite on both sides. The first two are no differences, the next three are mismatches. */
export interface NonFiniteCounts {
  /** NaN on both sides. */
  readonly sameNaN: number;
  /** The same infinity on both sides. */
  readonly sameInfinity: number;
  /** NaN or infinite before, finite after. */
  readonly onlyBefore: number;
  /** Finite before, NaN or infinite after. */
  readonly onlyAfter: number;
  /** NaN and an infinity, or infinities of either sign. */
  readonly unlike: number;
  /** The last three together. */
  readonly mismatches: number;
}

/** The smallest tolerances that would pass, each alone; null where none would. */
export interface SmallestTolerance {
  /** The least `t` such that |after - before| <= t everywhere. */
  readonly atol: number | null;
  /** The least `t` such that |after - before| <= t * |before| everywhere. */
  readonly rtol: number | null;
}
