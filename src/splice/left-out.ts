import type { PlacementRefusal } from '../sites/placements.ts';

/** A site that gets no block, and why. */
export interface LeftOutSite {
  /** The site's id. */
  readonly id: string;
  /** The value that would have been tapped. */
  readonly value: string;
  /** Why, for programs. */
  readonly reason: LeftOutReason;
  /** Why, in a sentence. */
  readonly detail: string;
}

/** Why a site gets no block: by choice, for its cost, or since its block has no such place. */
export type LeftOutReason =
  | 'not-included'
  | 'excluded'
  | 'other-stage'
  | 'last-stage'
  | 'over-budget'
  | 'already-there'
  | 'not-in-plan'
  | 'shared-uses'
  | PlacementRefusal['reason'];

/** Reasons for which there is no place for a block, as opposed to none being wanted or needed. */
const NO_PLACE: ReadonlySet<LeftOutReason> = new Set([
  'no-such-place',
  'unknown-channels',
  'graph-input',
  'shared-uses',
]);

/** Whether a site was left out because its block has no such place. */
export function hasNoPlace({ reason }: LeftOutSite): boolean {
  return NO_PLACE.has(reason);
}

/** A block that an earlier injection has left at the same placement. */
export interface PresentBlock {
  /** The id that its site had. */
  readonly id: string;
  /** The value that it tapped, by the name that it had. */
  readonly value: string;
  /** Name of the block. */
  readonly block: string;
}
