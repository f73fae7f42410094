import type { FaultReport } from './faults.ts';
import type { GateMoments } from './gate-statistics.ts';
import type { Preprocessing } from './preprocess.ts';
import type { DataReport } from './types.ts';

/** The gates of one block for the samples of one class. */
export interface ClassGates extends GateMoments {
  readonly index: number;
  /** Null where classes have no names. */
  readonly name: string | null;
}

/** What the gates of one block did on the data. */
export interface GateSiteReport extends GateMoments {
  readonly id: string;
  readonly block: string;
  readonly channels: number;
  /** The least and the most that a gate can be; null where its block does not say. */
  readonly bounds: readonly [low: number, high: number] | null;
  /** Mean of all channels and samples. */
  readonly overall: number;
  /** Least and most of each channel. */
  readonly min: readonly number[];
  readonly max: readonly number[];
  /** Share of the variance that lies between classes, 0 to 1; null without labels or variance. */
  readonly classDependence: number | null;
  /** Shares of gate values within 1% of the bounds. */
  readonly saturation: { readonly low: number; readonly high: number };
  /** Channels that are shut for every sample, by index: their gates are 0, or near it against the bounds. */
  readonly deadChannels: readonly number[];
  /** Channels whose gate is the same for every sample. */
  readonly constantChannels: number;
  /** Whether that is so of all of them: then the block does not depend on its input. */
  readonly isConstant: boolean;
  /** The number that all gates are, where they are one. */
  readonly constant: number | null;
  readonly parameters: number;
  readonly macs: number | null;
  /** The classes with the most samples, as many as a report can hold. */
  readonly byClass: readonly ClassGates[];
  readonly classesLeftOut: number;
}

/** Blocks that could be taken out, and what that would save. */
export interface StripProposal {
  /** Ids for `strip --sites`. */
  readonly sites: readonly string[];
  /** Whether the model computes the same without them: their gates are all 1. */
  readonly isExact: boolean;
  readonly parameters: number;
  readonly macs: number | null;
  /** Null where it was not tried. */
  readonly bytes: number | null;
}

/** What a model's gates did on data. */
export interface GatesReport {
  readonly path: string;
  readonly data: DataReport;
  readonly preprocessing: Preprocessing;
  readonly provider: string;
  readonly sites: readonly GateSiteReport[];
  /** Null where no block is constant. */
  readonly proposal: StripProposal | null;
  /** Blocks that could not be read. */
  readonly findings: readonly string[];
  readonly faults: readonly FaultReport[];
  readonly elapsedMs: number;
}
