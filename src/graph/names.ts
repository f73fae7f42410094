import type { GraphProto } from '../onnx/model-file.ts';
import type { GraphView } from './view.ts';

/** The one authority for new names: each is given once, and none that the model uses anywhere. */
export interface NameScope {
  /** A free name, the candidate itself where that is free, else with `_1`, `_2`, ... behind it. */
  claim(candidate: string): string;
}

/**
 * Makes the scope of all names of a model: values, nodes and initializers, those in bodies included, since a body that
 * defines a name hides the one outside.
 */
export function nameScope(view: GraphView): NameScope {
  const taken = new Set<string>();
  collect(view.graph, taken);
  return {
    claim(candidate) {
      let name = candidate;
      for (let suffix = 1; taken.has(name); suffix += 1) name = `${candidate}_${suffix}`;
      taken.add(name);
      return name;
    },
  };
}

function collect(graph: GraphProto, taken: Set<string>): void {
  for (const { name } of [
    ...graph.input,
    ...graph.output,
    ...graph.valueInfo,
    ...graph.initializer,
    ...graph.sparseInitializer,
  ]) {
    taken.add(name);
  }
  for (const node of graph.node) {
    taken.add(node.name);
    for (const value of node.input) taken.add(value);
    for (const value of node.output) taken.add(value);
    for (const body of node.bodies) collect(body, taken);
  }
}
