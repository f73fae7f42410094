import type { GraphProto, NodeProto } from '../onnx/model-file.ts';

/** The bodies that a node holds: branches of If, bodies of Loop and Scan, and whatever custom operators carry. */
export function bodiesOf(node: NodeProto): readonly GraphProto[] {
  // Nearly all nodes have no body, and all are asked.
  if (!hasBodies(node)) return NO_BODIES;
  const bodies: GraphProto[] = [];
  for (const { g, graphs } of node.attribute.values()) {
    if (g !== undefined) bodies.push(g);
    // One by one: a call takes no more arguments than the stack has room for.
    for (const graph of graphs) bodies.push(graph);
  }
  return bodies;
}

/** The values that the bodies of a node read from outside, each once, those of nested bodies included. */
export function capturedValues(node: NodeProto): ReadonlySet<string> {
  const bodies = bodiesOf(node);
  if (bodies.length === 0) return NOTHING;
  const captured = new Set<string>();
  for (const body of bodies) {
    for (const value of freeValues(body)) captured.add(value);
  }
  return captured;
}

const NO_BODIES: readonly GraphProto[] = [];
const NOTHING: ReadonlySet<string> = new Set();

function hasBodies({ attribute }: NodeProto): boolean {
  for (const { g, graphs } of attribute.values()) if (g !== undefined || graphs.length > 0) return true;
  return false;
}

function freeValues(body: GraphProto): Set<string> {
  const defined = new Set<string>();
  for (const { name } of body.input) defined.add(name);
  for (const { name } of [...body.initializer, ...body.sparseInitializer]) defined.add(name);
  for (const node of body.node) for (const value of node.output) defined.add(value);
  const free = new Set<string>();
  const read = (value: string): void => {
    if (value !== '' && !defined.has(value)) free.add(value);
  };
  for (const node of body.node) {
    node.input.forEach(read);
    capturedValues(node).forEach(read);
  }
  for (const { name } of body.output) read(name);
  return free;
}
