import type {
  FunctionProto,
  GraphProto,
  ModelFile,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from '../onnx/model-file.ts';
import { capturedValues } from './captures.ts';

/** A value by its name, one to one with the name's bytes. */
export type ValueId = string;

/** A node by its place in the file's order. */
export type NodeId = number;

/** One reader of a value. */
export type Use =
  /** An input of a node. */
  | { readonly kind: 'input'; readonly node: NodeId; readonly input: number }
  /** A body of an If, Loop or Scan that reads the value from outside; `node` is the outermost such node. */
  | { readonly kind: 'capture'; readonly node: NodeId }
  /** The graph gives the value out. */
  | { readonly kind: 'output'; readonly index: number };

/** Where a value comes from. */
export interface Producer {
  readonly node: NodeId;
  readonly output: number;
}

/**
 * The graph view: what the file's graph means, as values with one producer and their uses.
 *
 * Plain data, derived from the model as written and never changed. It covers the model's own graph; bodies of control
 * flow count as uses of the values they capture, functions are calls like any other.
 */
export interface GraphView {
  readonly model: ModelFile;
  readonly graph: GraphProto;
  /** Version of ONNX's own operator set; 0 where it is not imported. */
  readonly opset: number;
  readonly nodes: readonly NodeProto[];
  readonly producers: ReadonlyMap<ValueId, Producer>;
  readonly uses: ReadonlyMap<ValueId, readonly Use[]>;
  readonly initializers: ReadonlyMap<ValueId, TensorProto>;
  /** Graph inputs by name; one that is an initializer too is that input's default (required below IR 4). */
  readonly inputs: ReadonlyMap<ValueId, ValueInfoProto>;
  readonly outputs: ReadonlyMap<ValueId, ValueInfoProto>;
  /** Types written down for inner values: may be missing, may be wrong. */
  readonly valueInfo: ReadonlyMap<ValueId, ValueInfoProto>;
  /** Model-local functions by domain and name. */
  readonly functions: ReadonlyMap<string, FunctionProto>;
}

/**
 * Derives the graph view of a model.
 *
 * It takes any model that was scanned; ask `lintModel` whether it makes sense. Where a name is defined twice, the first
 * definition is the one in the view.
 *
 * @example
 * ```ts
 * const view = viewGraph(await scanModel(source));
 * usesOf(view, 'relu_1').length; // → 2
 * ```
 */
export function viewGraph(model: ModelFile): GraphView {
  const { graph } = model;
  const producers = new Map<ValueId, Producer>();
  const uses = new Map<ValueId, Use[]>();
  const addUse = (value: ValueId, use: Use): void => {
    const list = uses.get(value);
    if (list === undefined) uses.set(value, [use]);
    else list.push(use);
  };
  for (const [node, proto] of graph.node.entries()) {
    for (const [output, value] of proto.output.entries()) {
      if (value !== '' && !producers.has(value)) producers.set(value, { node, output });
    }
    for (const [input, value] of proto.input.entries()) {
      if (value !== '') addUse(value, { kind: 'input', node, input });
    }
    for (const value of capturedValues(proto)) addUse(value, { kind: 'capture', node });
  }
  for (const [index, output] of graph.output.entries()) addUse(output.name, { kind: 'output', index });
  return {
    model,
    graph,
    opset: model.opsetImport.find((entry) => entry.domain === '')?.version ?? 0,
    nodes: graph.node,
    producers,
    uses,
    initializers: byName([...graph.initializer, ...graph.sparseInitializer]),
    inputs: byName(graph.input),
    outputs: byName(graph.output),
    valueInfo: byName(graph.valueInfo),
    functions: new Map(model.functions.map((entry) => [`${entry.domain}:${entry.name}`, entry])),
  };
}

/** The node that writes a value, or nothing for graph inputs and initializers. */
export function producerOf(view: GraphView, value: ValueId): NodeProto | undefined {
  const producer = view.producers.get(value);
  return producer === undefined ? undefined : view.nodes[producer.node];
}

/** The readers of a value: node inputs, captures by bodies, graph outputs. */
export function usesOf(view: GraphView, value: ValueId): readonly Use[] {
  return view.uses.get(value) ?? [];
}

/** A use as text, the same for the same use of a value. */
export function useKey(use: Use): string {
  switch (use.kind) {
    case 'input':
      return `input ${use.node} ${use.input}`;
    case 'capture':
      return `capture ${use.node}`;
    case 'output':
      return `output ${use.index}`;
  }
}

function byName<T extends { readonly name: string }>(items: readonly T[]): Map<string, T> {
  const named = new Map<string, T>();
  for (const item of items) if (!named.has(item.name)) named.set(item.name, item);
  return named;
}
