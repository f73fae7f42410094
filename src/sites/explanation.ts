import type { NodeId, ValueId } from '../graph/view.ts';
import type { RuleAnswer } from './rules.ts';
import type { SiteKind } from './site.ts';

/** A node, by what people and programs know it by. */
export interface NodeRef {
  /** Place in the file's order. */
  readonly index: NodeId;
  readonly opType: string;
  /** Its name, or where it has none its first output. */
  readonly name: string;
}

/** A value with what is known of it; null where something is not. */
export interface ExplainedValue {
  readonly value: ValueId;
  readonly dataType: string;
  readonly shape: readonly (number | string | null)[] | null;
  /** Null for what is no data too. */
  readonly channels: number | null;
}

/** A value that a node reads. */
export interface ExplainedInput extends ExplainedValue {
  /** The node that writes it, or what it is else. */
  readonly from: NodeRef | 'graph input' | 'weight' | 'nothing';
}

/** A value that a node writes. */
export interface ExplainedOutput extends ExplainedValue {
  readonly readers: readonly NodeRef[];
  readonly isGraphOutput: boolean;
}

/** Nodes that are read as one thing. */
export interface ExplainedStep {
  readonly role: string;
  /** `convolution 3x3 s2 64->128`; operators are as the model names them. */
  readonly summary: string;
  /** The last one gives the step's value. */
  readonly nodes: readonly NodeRef[];
}

/** One operand of a join, back to the fork. */
export interface ExplainedBranch {
  readonly operand: ValueId;
  readonly part: 'skip' | 'residual' | 'branch';
  /** From the fork to the join; null where that is longer than any block. */
  readonly steps: readonly ExplainedStep[] | null;
}

/** How a join of branches was read. */
export interface ExplainedJoin {
  /** The nearest node that all paths to the operands pass through; null where that is no single node. */
  readonly fork: NodeRef | null;
  /** The values that the branches start from. */
  readonly sources: readonly ValueId[];
  readonly branches: readonly ExplainedBranch[];
  /** Why one branch is the residual one, where skip and residual could be told apart. */
  readonly why: string | null;
  readonly rules: readonly RuleAnswer[];
}

/** How a depthwise convolution was read with a 1x1 convolution behind it. */
export interface ExplainedChain {
  readonly family: 'inverted-residual' | 'depthwise-separable';
  /** From the first convolution to the 1x1 convolution behind the depthwise one. */
  readonly steps: readonly ExplainedStep[];
  readonly rules: readonly RuleAnswer[];
}

/** The site that a node belongs to. */
export interface ExplainedSite {
  readonly id: string;
  readonly kind: SiteKind;
  readonly variant: string;
  readonly value: ValueId;
  readonly channels: number;
  readonly stage: number;
  readonly stride: number;
}

/**
 * What became of a node:
 *
 * - `site`: a site was found at it;
 * - `part`: it lies in the block of a site;
 * - `rejected`: it is a candidate that was turned down;
 * - `no-candidate`: nothing is looked for at nodes like it;
 * - `nested`: it lies in a body or a function.
 */
export interface ExplainedVerdict {
  readonly kind: 'site' | 'part' | 'rejected' | 'no-candidate' | 'nested';
  readonly site: ExplainedSite | null;
  /** As what it belongs to the site's block: `a step of the skip branch`, `the depthwise convolution`. */
  readonly part: string | null;
  /** The node at which the block that it belongs to was judged: what to ask for next. */
  readonly judgedAt: NodeRef | null;
  /** The code of a rejection. */
  readonly reason: string | null;
  readonly detail: string | null;
}

/** Why there is a site at a node, or none: plain data, with names as they are in the model. */
export interface NodeExplanation {
  readonly opType: string;
  readonly domain: string;
  /** Its name, or where it has none its first output. */
  readonly name: string;
  /** Place in the file's order; null inside bodies and functions. */
  readonly index: NodeId | null;
  /** Number of nodes in the graph. */
  readonly count: number;
  /** The bodies or the function that it lies in, from the outside in. */
  readonly inside: readonly string[];
  readonly inputs: readonly ExplainedInput[];
  readonly outputs: readonly ExplainedOutput[];
  /** How it is read: null where it depends on no input of the graph, or is no step's end. */
  readonly step: ExplainedStep | null;
  /** The larger step that it is a part of. */
  readonly within: ExplainedStep | null;
  readonly join: ExplainedJoin | null;
  readonly chains: readonly ExplainedChain[];
  readonly verdict: ExplainedVerdict;
}
