import { capturedValues } from '../graph/captures.ts';
import { inferTypes } from '../graph/infer.ts';
import type { ValueTypes } from '../graph/types.ts';
import { type GraphView, producerOf, type ValueId, viewGraph } from '../graph/view.ts';
import type { FunctionProto, GraphProto, NodeProto, ValueInfoProto } from '../onnx/model-file.ts';
import type { Rejection, Site } from './site.ts';

/** Finds the sites of a graph; the finder itself, handed in. */
type Find = (view: GraphView, types: ValueTypes) => readonly Site[];

/**
 * Says of every node with bodies, and of every call of a function, how many sites are inside: they are not edited, since
 * one body may run many times and one function may stand in many places.
 */
export function rejectNested(view: GraphView, types: ValueTypes, find: Find): readonly Rejection[] {
  const rejections: Rejection[] = [];
  for (const node of view.wires.withBodies) {
    const proto = view.nodes[node];
    if (proto === undefined) continue;
    const sites = proto.bodies.flatMap((body) => sitesOfBody(view, types, proto, body, find));
    if (sites.length === 0) continue;
    const detail = `${describe(sites)} inside its bodies, which are not edited`;
    rejections.push({ node, opType: proto.opType, reason: 'inside-body', detail });
  }
  if (view.functions.size === 0) return rejections;
  const calls = new Map<string, string | undefined>();
  view.nodes.forEach((proto, node) => {
    const key = `${proto.domain}:${proto.opType}`;
    const called = view.functions.get(key);
    if (called === undefined) return;
    // One call tells for all: the function is the same.
    if (!calls.has(key)) calls.set(key, describeFunction(view, types, proto, called, find));
    const inside = calls.get(key);
    if (inside === undefined) return;
    const detail = `${inside} inside the model-local function that it calls, which is not edited`;
    rejections.push({ node, opType: proto.opType, reason: 'inside-function', detail });
  });
  return rejections;
}

function describe(sites: readonly Site[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of sites) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const listed = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  return `${sites.length === 1 ? 'a block' : 'blocks'} (${listed})`;
}

function sitesOfBody(
  view: GraphView,
  types: ValueTypes,
  node: NodeProto,
  body: GraphProto,
  find: Find,
): readonly Site[] {
  const input = [...body.input];
  const initializer = [...body.initializer];
  const constants: NodeProto[] = [];
  const own = new Set([...input, ...initializer].map(({ name }) => name));
  for (const value of capturedValues(node)) {
    if (own.has(value)) continue;
    const weights = view.initializers.get(value);
    const source = producerOf(view, value);
    if (weights !== undefined) initializer.push(weights);
    else if (source?.input.length === 0) constants.push(source);
    else input.push(asInput(value, value, types, node));
  }
  return search(view, { ...body, input, initializer, node: [...constants, ...body.node] }, find);
}

function describeFunction(
  view: GraphView,
  types: ValueTypes,
  call: NodeProto,
  called: FunctionProto,
  find: Find,
): string | undefined {
  const input: ValueInfoProto[] = [];
  const initializer: GraphProto['initializer'][number][] = [];
  const constants: NodeProto[] = [];
  for (const [at, name] of called.input.entries()) {
    const actual = call.input[at] ?? '';
    const weights = view.initializers.get(actual);
    const source = producerOf(view, actual);
    if (weights !== undefined) initializer.push({ ...weights, name });
    else if (source?.input.length === 0) constants.push({ ...source, output: [name] });
    else input.push(asInput(name, actual, types, call));
  }
  const output = called.output.map((name) => asInput(name, '', types, call));
  const graph: GraphProto = {
    segments: [],
    name: called.name,
    node: [...constants, ...called.node],
    initializer,
    sparseInitializer: [],
    input,
    output,
    valueInfo: [],
  };
  const sites = search(view, graph, find);
  return sites.length === 0 ? undefined : describe(sites);
}

function asInput(name: string, value: ValueId, types: ValueTypes, { span }: NodeProto): ValueInfoProto {
  const type = types.get(value);
  return { name, span, type: { kind: 'tensor', elemType: type?.dataType ?? 0, shape: type?.shape } };
}

function search(view: GraphView, graph: GraphProto, find: Find): readonly Site[] {
  const inner = viewGraph({ ...view.model, graph });
  return find(inner, inferTypes(inner));
}
