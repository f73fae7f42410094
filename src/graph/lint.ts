import type { ErrorCode } from '../errors.ts';
import { SeInjectError } from '../errors.ts';
import { allTensors } from '../onnx/all-tensors.ts';
import { formatName } from '../onnx/format-name.ts';
import type { FunctionProto, GraphProto, ModelFile, NodeProto } from '../onnx/model-file.ts';
import { tensorSizeFault } from '../onnx/tensor-size.ts';
import { findOrder } from './order.ts';
import { wireNodes } from './wires.ts';

/** One thing that is wrong with a model's graph. */
export interface LintFinding {
  readonly code: Extract<ErrorCode, `graph/${string}` | 'onnx/tensor-data-size'>;
  /** The fact, the offending name and what to do. */
  readonly message: string;
  /** The name that is at fault. */
  readonly name: string;
}

/** The names that a graph can read: its own, and those of the graphs around it. */
interface Scope {
  readonly defined: ReadonlySet<string>;
  readonly outer: Scope | undefined;
}

/**
 * Checks what every reader of ONNX relies on: each name defined once and before all else defined at all, no cycles, and
 * tensors with as much data as their shapes need.
 *
 * An unsorted graph is no finding: onnxruntime sorts it. The list is empty for a sound model.
 */
export function lintModel(model: ModelFile): readonly LintFinding[] {
  const findings: LintFinding[] = [];
  lintGraph(model.graph, undefined, findings);
  for (const entry of model.functions) lintFunction(entry, findings);
  for (const tensor of allTensors(model)) {
    const message = tensorSizeFault(tensor);
    if (message !== undefined) findings.push({ code: 'onnx/tensor-data-size', name: tensor.name, message });
  }
  return findings;
}

/** Throws the first finding of {@link lintModel} as an error, with all of them in its details. */
export function assertSound(model: ModelFile): void {
  const findings = lintModel(model);
  const [first] = findings;
  if (first === undefined) return;
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : '';
  throw new SeInjectError(first.code, first.message + more, { details: { name: first.name, findings } });
}

function lintGraph(graph: GraphProto, outer: Scope | undefined, findings: LintFinding[]): void {
  const before = findings.length;
  const defined = new Set<string>();
  const define = (name: string, what: string): void => {
    if (name === '') {
      findings.push({
        code: 'graph/empty-name',
        name,
        message: `${what} has no name: nothing can refer to it`,
      });
    } else if (defined.has(name)) {
      findings.push(definedTwice(name, what));
    }
    defined.add(name);
  };
  for (const { name } of graph.input) define(name, 'a graph input');
  const inputs = new Set(defined);
  const initializers = new Set<string>();
  for (const { name } of [...graph.initializer, ...graph.sparseInitializer]) {
    // An initializer may share the name of a graph input, whose default it then is.
    if (!inputs.has(name) || initializers.has(name)) define(name, 'an initializer');
    initializers.add(name);
  }
  for (const node of graph.node) {
    for (const name of node.output) if (name !== '') define(name, describe(node));
    if (node.opType === '') {
      findings.push({
        code: 'graph/empty-name',
        name: '',
        message: `${describe(node)} has no operator type`,
      });
    }
  }
  const scope = { defined, outer };
  const read = (name: string, by: string): void => {
    if (name === '' || isVisible(scope, name)) return;
    findings.push({
      code: 'graph/dangling-input',
      name,
      message: `${by} reads value "${formatName(name)}", which nothing defines: the file is incomplete, export the model again`,
    });
  };
  for (const node of graph.node) {
    for (const name of node.input) read(name, describe(node));
    for (const body of node.bodies) lintGraph(body, scope, findings);
  }
  for (const { name } of graph.output) {
    if (name === '') findings.push({ code: 'graph/empty-name', name, message: 'a graph output has no name' });
    read(name, 'a graph output');
  }
  // A name that is defined twice may look like a cycle; what is wrong with it has been said.
  if (findings.length === before) lintOrder(graph.node, findings);
}

function lintFunction(entry: FunctionProto, findings: LintFinding[]): void {
  const before = findings.length;
  const visible = new Set(entry.input);
  for (const node of entry.node) {
    for (const name of node.output) {
      if (name !== '' && visible.has(name)) findings.push(definedTwice(name, describe(node)));
      visible.add(name);
    }
  }
  for (const node of entry.node) {
    for (const body of node.bodies) lintGraph(body, { defined: visible, outer: undefined }, findings);
  }
  if (findings.length === before) lintOrder(entry.node, findings);
}

function lintOrder(nodes: readonly NodeProto[], findings: LintFinding[]): void {
  const [first] = findOrder(wireNodes(nodes)).cyclic;
  const node = first === undefined ? undefined : nodes[first];
  if (node === undefined) return;
  findings.push({
    code: 'graph/cycle',
    name: node.output[0] ?? '',
    message: `the graph has a cycle through ${describe(node)}: a value cannot depend on itself, export the model again`,
  });
}

function definedTwice(name: string, by: string): LintFinding {
  return {
    code: 'graph/duplicate-name',
    name,
    message: `value "${formatName(name)}" is defined twice (again by ${by}): a value has one producer, export the model again`,
  };
}

function isVisible(scope: Scope, name: string): boolean {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer)
    if (at.defined.has(name)) return true;
  return false;
}

function describe(node: NodeProto): string {
  const name = node.name === '' ? '' : ` "${formatName(node.name)}"`;
  return `the ${formatName(node.opType) || 'untyped'} node${name}`;
}
