import { capturedValues } from './captures.ts';
import type { GraphView, NodeId } from './view.ts';

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

/** The part of a graph view that an order is told from. */
export type Orderable = Pick<GraphView, 'nodes' | 'producers'>;

/** Orders the nodes of the graph so that producers come first; linear in the size of the graph. */
export function orderNodes(view: GraphView): NodeOrder {
  let order = known.get(view);
  if (order === undefined) {
    order = findOrder(view);
    known.set(view, order);
  }
  return order;
}

/** Orders the nodes of any graph, a body's or a function's too; {@link orderNodes} remembers those of views. */
export function findOrder(view: Orderable): NodeOrder {
  if (isSorted(view)) return { order: view.nodes.map((_, node) => node), cyclic: [], sorted: true };
  const waiting = new Int32Array(view.nodes.length);
  const readers = new Map<NodeId, NodeId[]>();
  for (const [node, proto] of view.nodes.entries()) {
    const sources = new Set<NodeId>();
    for (const value of [...proto.input, ...capturedValues(proto)]) {
      const producer = view.producers.get(value);
      if (producer !== undefined) sources.add(producer.node);
    }
    waiting[node] = sources.size;
    for (const source of sources) {
      const list = readers.get(source);
      if (list === undefined) readers.set(source, [node]);
      else list.push(node);
    }
  }
  const order: NodeId[] = [];
  for (const node of view.nodes.keys()) if (waiting[node] === 0) order.push(node);
  for (let at = 0; at < order.length; at += 1) {
    for (const reader of readers.get(order[at] ?? 0) ?? []) {
      const left = (waiting[reader] ?? 0) - 1;
      waiting[reader] = left;
      if (left === 0) order.push(reader);
    }
  }
  const ordered = new Set(order);
  const cyclic = [...view.nodes.keys()].filter((node) => !ordered.has(node));
  return { order, cyclic, sorted: false };
}

function isSorted({ nodes, producers }: Orderable): boolean {
  const comesBefore = (node: NodeId, value: string): boolean => (producers.get(value)?.node ?? -1) < node;
  for (const [node, proto] of nodes.entries()) {
    for (const value of proto.input) if (!comesBefore(node, value)) return false;
    for (const value of capturedValues(proto)) if (!comesBefore(node, value)) return false;
  }
  return true;
}
