import { capturedValues } from './captures.ts';
import { orderNodes } from './order.ts';
import type { GraphView, NodeId } from './view.ts';

/** The node that stands for all sources of the graph: its inputs and its constants. */
export const ROOT: NodeId = -1;

/** For every node the nearest one that all paths from the graph's inputs to it pass through. */
export interface Dominators {
  /** The immediate dominator of a node, or {@link ROOT}. */
  readonly parent: ReadonlyMap<NodeId, NodeId>;
  /** Steps from the root. */
  readonly depth: ReadonlyMap<NodeId, number>;
  /** A dominator further up: following these where they do not lead too far reaches any depth in few steps. */
  readonly jump: ReadonlyMap<NodeId, NodeId>;
}

/**
 * Dominators over the paths that data takes. Constants do not count as sources: a convolution is dominated by the
 * producer of its data, whatever its weights come from.
 *
 * `isConstant` tells the values to leave out. (Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm"; on an
 * acyclic graph in topological order one pass is enough. The jumps are those of Myers: "An Applicative Random-Access
 * Stack"; without them, sums that run along a deep network would each cost its depth.)
 */
export function dominatorsOf(view: GraphView, isConstant: (value: string) => boolean): Dominators {
  const parent = new Map<NodeId, NodeId>();
  const depth = new Map<NodeId, number>([[ROOT, 0]]);
  const jump = new Map<NodeId, NodeId>([[ROOT, ROOT]]);
  const dominators = { parent, depth, jump };
  for (const node of orderNodes(view).order) {
    let found: NodeId | undefined;
    const proto = view.nodes[node];
    if (proto === undefined) continue;
    for (const value of [...proto.input, ...capturedValues(proto)]) {
      if (value === '' || isConstant(value)) continue;
      const source = view.producers.get(value)?.node ?? ROOT;
      found = found === undefined ? source : commonDominator(dominators, found, source);
    }
    const above = found ?? ROOT;
    const depthOf = (at: NodeId): number => depth.get(at) ?? 0;
    const near = jump.get(above) ?? ROOT;
    const far = jump.get(near) ?? ROOT;
    parent.set(node, above);
    depth.set(node, depthOf(above) + 1);
    jump.set(node, depthOf(above) - depthOf(near) === depthOf(near) - depthOf(far) ? far : above);
  }
  return dominators;
}

/** The nearest node that dominates both, each counting as a dominator of itself. */
export function commonDominator({ parent, depth, jump }: Dominators, a: NodeId, b: NodeId): NodeId {
  const depthOf = (node: NodeId): number => depth.get(node) ?? 0;
  const up = (node: NodeId): NodeId => parent.get(node) ?? ROOT;
  const jumpOf = (node: NodeId): NodeId => jump.get(node) ?? ROOT;
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
