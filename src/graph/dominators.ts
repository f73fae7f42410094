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
}

/**
 * Dominators over the paths that data takes. Constants do not count as sources: a convolution is dominated by the
 * producer of its data, whatever its weights come from.
 *
 * `isConstant` tells the values to leave out. (Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm"; on an
 * acyclic graph in topological order one pass is enough.)
 */
export function dominatorsOf(view: GraphView, isConstant: (value: string) => boolean): Dominators {
  const parent = new Map<NodeId, NodeId>();
  const depth = new Map<NodeId, number>([[ROOT, 0]]);
  const dominators = { parent, depth };
  for (const node of orderNodes(view).order) {
    let found: NodeId | undefined;
    const proto = view.nodes[node];
    if (proto === undefined) continue;
    for (const value of [...proto.input, ...capturedValues(proto)]) {
      if (value === '' || isConstant(value)) continue;
      const source = view.producers.get(value)?.node ?? ROOT;
      found = found === undefined ? source : commonDominator(dominators, found, source);
    }
    parent.set(node, found ?? ROOT);
    depth.set(node, (depth.get(found ?? ROOT) ?? 0) + 1);
  }
  return dominators;
}

/** The nearest node that dominates both, each counting as a dominator of itself. */
export function commonDominator({ parent, depth }: Dominators, a: NodeId, b: NodeId): NodeId {
  let left = a;
  let right = b;
  while (left !== right) {
    if ((depth.get(left) ?? 0) >= (depth.get(right) ?? 0)) left = parent.get(left) ?? ROOT;
    else right = parent.get(right) ?? ROOT;
  }
  return left;
}
