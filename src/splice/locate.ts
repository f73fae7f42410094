import { capturedValues } from '../graph/captures.ts';
import type { FieldSpan, GraphProto, NodeProto, ValueInfoProto } from '../onnx/model-file.ts';
import { toSpan } from '../onnx/scan-message.ts';
import type { ByteSource } from '../wire/byte-source.ts';
import { MODEL_PATH } from '../wire/field-path.ts';
import { type Field, type Reading, readFrom, type SlidingWindow } from '../wire/window.ts';

/** Where the names of a node's inputs and outputs lie in the file. */
export interface NodeStrings {
  readonly inputs: readonly FieldSpan[];
  readonly outputs: readonly FieldSpan[];
}

/** Field numbers of onnx.proto. */
const NODE = { input: 1, output: 2 } as const;
const VALUE_INFO = { name: 1 } as const;

/** Finds the string fields of a node again, which the scan does not keep. */
export async function locateStrings(source: ByteSource, node: NodeProto): Promise<NodeStrings> {
  const inputs: FieldSpan[] = [];
  const outputs: FieldSpan[] = [];
  await forEachField(source, node.span, (field) => {
    if (field.number === NODE.input) inputs.push(toSpan(field, node.span));
    if (field.number === NODE.output) outputs.push(toSpan(field, node.span));
  });
  return { inputs, outputs };
}

/**
 * Finds every string in the bodies of a node that reads a value from outside: inputs of inner nodes and names of body
 * outputs. Bodies that define the name themselves hide the outer value and are passed by.
 */
export async function locateCaptures(
  source: ByteSource,
  node: NodeProto,
  value: string,
): Promise<FieldSpan[]> {
  const found: FieldSpan[] = [];
  for (const body of node.bodies) {
    if (defines(body, value)) continue;
    for (const inner of body.node) {
      if (inner.input.includes(value)) {
        const { inputs } = await locateStrings(source, inner);
        found.push(...inputs.filter((_, index) => inner.input[index] === value));
      }
      if (capturedValues(inner).has(value)) found.push(...(await locateCaptures(source, inner, value)));
    }
    for (const output of body.output) if (output.name === value) found.push(await locateName(source, output));
  }
  return found;
}

async function locateName(source: ByteSource, output: ValueInfoProto): Promise<FieldSpan> {
  const names: FieldSpan[] = [];
  await forEachField(source, output.span, (field) => {
    if (field.number === VALUE_INFO.name) names.push(toSpan(field, output.span));
  });
  return names.at(-1) ?? output.span;
}

function defines(body: GraphProto, value: string): boolean {
  return (
    [...body.input, ...body.initializer, ...body.sparseInitializer].some(({ name }) => name === value) ||
    body.node.some(({ output }) => output.includes(value))
  );
}

async function forEachField(
  source: ByteSource,
  span: FieldSpan,
  visit: (field: Field) => void,
): Promise<void> {
  await readFrom(source, (window) => walk(window, span, visit));
}

function* walk(window: SlidingWindow, span: FieldSpan, visit: (field: Field) => void): Reading<void> {
  let field: Field;
  for (let at = span.contentStart; at < span.end; at = field.end) {
    const request = window.header(at, span.end);
    if (request !== undefined) yield request;
    field = window.field(at, span.end, MODEL_PATH);
    visit(field);
  }
}
