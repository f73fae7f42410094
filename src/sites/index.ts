/** The door of the site finders. */
export { explainNode } from './explain-node.ts';
export type {
  ExplainedBranch,
  ExplainedInput,
  ExplainedSite,
  ExplainedStep,
  ExplainedValue,
  NodeExplanation,
  NodeRef,
} from './explanation.ts';
export { findSites } from './find-sites.ts';
export {
  PLACEMENTS,
  type Placement,
  type PlacementRefusal,
  placementWarning,
  placeSite,
} from './placements.ts';
export type {
  ExistingGate,
  Rejection,
  RejectionReason,
  Site,
  SiteBlock,
  SiteKind,
  SiteQuantization,
  SiteReport,
} from './site.ts';
