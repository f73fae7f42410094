import type { GraphProto, ModelFile, NodeProto, TensorProto } from './model-file.ts';

/**
 * Every tensor of a model, wherever it stands: initializers, attributes (a Constant's value), the bodies of control
 * flow, model-local functions.
 */
export function* allTensors(model: ModelFile): Generator<TensorProto, void> {
  yield* ofGraph(model.graph);
  for (const { node } of model.functions) for (const call of node) yield* ofNode(call);
}

function* ofGraph(graph: GraphProto): Generator<TensorProto, void> {
  yield* graph.initializer;
  yield* graph.sparseInitializer;
  for (const node of graph.node) yield* ofNode(node);
}

function* ofNode(node: NodeProto): Generator<TensorProto, void> {
  for (const { t, tensors, g, graphs } of node.attribute.values()) {
    if (t !== undefined) yield t;
    yield* tensors;
    if (g !== undefined) yield* ofGraph(g);
    for (const graph of graphs) yield* ofGraph(graph);
  }
}
