import type { GraphProto, NodeProto } from '../onnx/model-file.ts';

/** The values that the bodies of a node read from outside, each once, those of nested bodies included. */
export function capturedValues(node: NodeProto): ReadonlySet<string> {
  if (node.bodies.length === 0) return NOTHING;
  const captured = new Set<string>();
  for (const body of node.bodies) {
    for (const value of freeValues(body)) captured.add(value);
  }
  return captured;
}

const NOTHING: ReadonlySet<string> = new Set();

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
