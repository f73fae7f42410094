import type { GraphView, NodeId } from './view.ts';
import type { Wires } from './wires.ts';

/** An order in which every node comes after those it reads from. */
export interface NodeOrder {
  /** Nodes that can be ordered; the file's own order where that is sorted. */
  readonly order: readonly NodeId[];
  /** Nodes that lie on a cycle or behind one. */
  readonly cyclic: readonly NodeId[];
  /** Whether the file itself is in such an order, as the ONNX spec demands and onnxruntime does not. */
  readonly sorted: boolean;
}

/** Views never change, and inference, strides, dominators and finders all ask for the order of one. */
const known = new WeakMap<GraphView, NodeOrder>();

/** Orders the nodes of the graph so that producers come first; linear in the size of the graph. */
export function orderNodes(view: GraphView): NodeOrder {
  let order = known.get(view);
  if (order === undefined) {
    order = findOrder(view.wires);
    known.set(view, order);
  }
  return order;
}

/** Orders the nodes of any graph, a body's or a function's too; {@link orderNodes} remembers those of views. */
export function findOrder({ reads, writers }: Wires): NodeOrder {
  const nodes = [...reads.keys()];
  if (isSorted(reads, writers)) return { order: nodes, cyclic: [], sorted: true };
  const waiting = new Int32Array(nodes.length);
  const readers = new Map<NodeId, NodeId[]>();
  for (const node of nodes) {
    const sources = new Set(reads[node]?.map((value) => writers[value] ?? -1));
    sources.delete(-1);
    waiting[node] = sources.size;
    for (const source of sources) {
      const list = readers.get(source);
      if (list === undefined) readers.set(source, [node]);
      else list.push(node);
    }
  }
  const order = nodes.filter((node) => waiting[node] === 0);
  for (let at = 0; at < order.length; at += 1) {
    for (const reader of readers.get(order[at] ?? 0) ?? []) {
      const left = (waiting[reader] ?? 0) - 1;
      waiting[reader] = left;
      if (left === 0) order.push(reader);
    }
  }
  const ordered = new Set(order);
  return { order, cyclic: nodes.filter((node) => !ordered.has(node)), sorted: false };
}

function isSorted(reads: Wires['reads'], writers: Wires['writers']): boolean {
  return reads.every((values, node) => values.every((value) => (writers[value] ?? -1) < node));
}
