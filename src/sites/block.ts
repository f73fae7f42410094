import type { NodeId, Use, ValueId } from '../graph/view.ts';
import type { Reading } from './reading.ts';
import { opTypeOf, usesOf } from './reading.ts';
import type { Rejection, RejectionReason, SiteBlock, SiteKind } from './site.ts';
import type { Step } from './step.ts';
import type { Tell } from './trial.ts';

/** A block that a finder has made out: a site if it has no gate yet. */
export interface Block {
  readonly kind: SiteKind;
  readonly variant: string;
  /** The value to squeeze and scale. */
  readonly value: ValueId;
  /** The uses that would read the scaled value. */
  readonly uses: readonly Use[];
  /** The node that reads it: the Add, the project convolution. */
  readonly reader: NodeId;
  /** The node at which a refusal of this block is shown. */
  readonly anchor: NodeId;
  readonly nodes: readonly NodeId[];
  readonly around: SiteBlock;
  /** The gate that it already has. */
  readonly gate: Step | undefined;
  /** 1x1 convolutions in their roles, where the block is an inverted residual. */
  readonly project: NodeId | undefined;
  readonly expand: NodeId | undefined;
}

/** What a finder gives. */
export interface Found {
  readonly blocks: readonly Block[];
  readonly rejections: readonly Rejection[];
}

/** What a finder gets: the graph, and what the finders before it have made out. */
export interface Context {
  readonly reading: Reading;
  /** The block that each node belongs to. */
  readonly taken: readonly (Block | undefined)[];
  /** Whether the caller asked for a kind by name. */
  readonly asked: ReadonlySet<SiteKind>;
  /** Hears how candidates are judged, where somebody wants to know. */
  readonly tell?: Tell | undefined;
}

/** Makes a rejection. */
export function reject(reading: Reading, node: NodeId, reason: RejectionReason, detail: string): Rejection {
  return { node, opType: opTypeOf(reading, node), reason, detail };
}

/** All uses of a value, for blocks that are scaled as a whole. */
export function allUses(reading: Reading, value: ValueId): readonly Use[] {
  return reading.view.uses.get(value) ?? [];
}

/** The first node that reads a value; its producer, where only the graph gives it out. */
export function firstReader(reading: Reading, value: ValueId): NodeId {
  for (const use of usesOf(reading, value)) if (use.kind !== 'output') return use.node;
  return reading.view.producers.get(value)?.node ?? 0;
}

/** The uses of a value by some nodes: an Add of a value to itself has two. */
export function usesBy(reading: Reading, value: ValueId, nodes: readonly NodeId[]): readonly Use[] {
  return allUses(reading, value).filter((use) => use.kind === 'input' && nodes.includes(use.node));
}

/** The uses of a value by some nodes, with the first of them. */
export function readingUses(
  reading: Reading,
  value: ValueId,
  nodes: readonly NodeId[],
): { readonly uses: readonly Use[]; readonly reader: NodeId } {
  const uses = usesBy(reading, value, nodes);
  const [first] = uses;
  return { uses, reader: first?.kind === 'input' ? first.node : firstReader(reading, value) };
}
