import { orderNodes } from './order.ts';
import type { GraphView, NodeId } from './view.ts';
import { LEFT_OUT, type ValueNumber } from './wires.ts';

/** The node that stands for all sources of the graph: its inputs and its constants. */
export const ROOT: NodeId = -1;

/** For every node the nearest one that all paths from the graph's inputs to it pass through. */
export interface Dominators {
  /** The immediate dominator of each node, or {@link ROOT}. Here as below the root comes first: a node is one further on. */
  readonly parents: Int32Array;
  /** Steps from the root. */
  readonly depths: Int32Array;
  /** A dominator further up: following these where they do not lead too far reaches any depth in few steps. */
  readonly jumps: Int32Array;
}

/**
 * Dominators over the paths that data takes. Constants do not count as sources: a convolution is dominated by the
 * producer of its data, whatever its weights come from.
 *
 * `isRead` tells which values of a node are followed. (Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm"; on an
 * acyclic graph in topological order one pass is enough. The jumps are those of Myers: "An Applicative Random-Access
 * Stack"; without them, sums that run along a deep network would each cost its depth.)
 */
export function dominatorsOf(
  view: GraphView,
  isRead: (value: ValueNumber, reader: NodeId) => boolean,
): Dominators {
  const { reads, writers } = view.wires;
  const size = reads.length + 1;
  const parents = new Int32Array(size).fill(ROOT);
  const depths = new Int32Array(size);
  const jumps = new Int32Array(size).fill(ROOT);
  const dominators = { parents, depths, jumps };
  for (const node of orderNodes(view).order) {
    let found: NodeId | undefined;
    for (const value of reads[node] ?? []) {
      if (value === LEFT_OUT || !isRead(value, node)) continue;
      const source = writers[value] ?? ROOT;
      found = found === undefined ? source : commonDominator(dominators, found, source);
    }
    const above = found ?? ROOT;
    const near = jumps[above + 1] ?? ROOT;
    const far = jumps[near + 1] ?? ROOT;
    const depth = depths[above + 1] ?? 0;
    const nearDepth = depths[near + 1] ?? 0;
    parents[node + 1] = above;
    depths[node + 1] = depth + 1;
    jumps[node + 1] = depth - nearDepth === nearDepth - (depths[far + 1] ?? 0) ? far : above;
  }
  return dominators;
}

/** The nearest node that dominates both, each counting as a dominator of itself. */
export function commonDominator({ parents, depths, jumps }: Dominators, a: NodeId, b: NodeId): NodeId {
  const depthOf = (node: NodeId): number => depths[node + 1] ?? 0;
  const up = (node: NodeId): NodeId => parents[node + 1] ?? ROOT;
  const jumpOf = (node: NodeId): NodeId => jumps[node + 1] ?? ROOT;
  let [low, high] = depthOf(a) > depthOf(b) ? [a, b] : [b, a];
  while (depthOf(low) > depthOf(high)) low = depthOf(jumpOf(low)) >= depthOf(high) ? jumpOf(low) : up(low);
  // At one depth jumps are equally long.
  while (low !== high) {
    const apart = jumpOf(low) !== jumpOf(high);
    low = apart ? jumpOf(low) : up(low);
    high = apart ? jumpOf(high) : up(high);
  }
  return low;
}
