import type {
  FunctionProto,
  GraphProto,
  ModelFile,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from '../onnx/model-file.ts';
import { ValueTable } from './value-table.ts';
import { LEFT_OUT, type NodeId, type ValueId, type ValueNumber, type Wires, wireNodes } from './wires.ts';

export type { NodeId, ValueId };

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
  /** Version of ONNX's own operator set; 0 where it is not imported, though files of that format should. */
  readonly opset: number;
  readonly nodes: readonly NodeProto[];
  /** The same with numbers for names, for what goes through all of the graph. */
  readonly wires: Wires;
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
  const weights = [...graph.initializer, ...graph.sparseInitializer];
  const wires = wireNodes(graph.node, [graph.input, weights, graph.output]);
  return {
    model,
    graph,
    opset: model.opsetImport.find((entry) => entry.domain === '')?.version ?? impliedOpset(model),
    nodes: graph.node,
    wires,
    producers: findProducers(wires),
    uses: findUses(graph.output, wires),
    initializers: tableOf(weights, wires),
    inputs: byName(graph.input),
    outputs: byName(graph.output),
    valueInfo: byName(graph.valueInfo),
    functions: new Map(model.functions.map((entry) => [`${entry.domain}:${entry.name}`, entry])),
  };
}

/** Files from before versions were imported are of the first one. */
function impliedOpset({ irVersion, opsetImport }: ModelFile): number {
  return irVersion > 0 && irVersion < IMPORTING_IR && opsetImport.length === 0 ? 1 : 0;
}

/** The first version of the format in which a model says what operator sets it imports. */
const IMPORTING_IR = 3;

function findProducers(wires: Wires): ValueTable<Producer> {
  const producers = new ValueTable<Producer>(wires);
  wires.writes.forEach((written, node) => {
    written.forEach((value, output) => {
      // The first definition stands, within a node too.
      if (wires.writers[value] === node) producers.byNumber[value] ??= { node, output };
    });
  });
  return producers;
}

function findUses(outputs: GraphProto['output'], wires: Wires): ValueTable<readonly Use[]> {
  const uses = new ValueTable<Use[]>(wires);
  const add = (value: ValueNumber, use: Use): void => {
    const list = uses.byNumber[value];
    if (list === undefined) uses.byNumber[value] = [use];
    else list.push(use);
  };
  wires.reads.forEach((read, node) => {
    const inputs = wires.inputs[node]?.length ?? 0;
    read.forEach((value, at) => {
      if (at >= inputs) add(value, { kind: 'capture', node });
      else if (value !== LEFT_OUT) add(value, { kind: 'input', node, input: at });
    });
  });
  for (const [index, { name }] of outputs.entries()) {
    add(wires.numbers.get(name) ?? LEFT_OUT, { kind: 'output', index });
  }
  return uses;
}

/** The node that writes a value, or nothing for graph inputs and initializers. */
export function producerOf(view: GraphView, value: ValueId): NodeProto | undefined {
  return view.nodes[writerOf(view, value)];
}

/** The place of that node; -1 for graph inputs and initializers. */
export function writerOf({ wires }: GraphView, value: ValueId): NodeId {
  return wires.writers[wires.numbers.get(value) ?? LEFT_OUT] ?? -1;
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

function tableOf<T extends { readonly name: ValueId }>(items: readonly T[], wires: Wires): ValueTable<T> {
  const table = new ValueTable<T>(wires);
  for (const item of items) table.byNumber[wires.numbers.get(item.name) ?? LEFT_OUT] ??= item;
  return table;
}

function byName<T extends { readonly name: string }>(items: readonly T[]): Map<string, T> {
  const named = new Map<string, T>();
  for (const item of items) if (!named.has(item.name)) named.set(item.name, item);
  return named;
}
