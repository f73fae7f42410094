/** Holds a scan against the independent parser: every node, tensor and value, their names, types and places. */
import { expect } from 'vitest';
import type { FieldSpan, GraphProto, ModelFile, NodeProto } from '../../src/onnx/model-file.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { fieldsOf, graphOf, latin1, type ProtoField, parseModel, textOf } from './protobuf-tree.ts';

/** A name of the scan, byte for byte, as the parser writes names. */
function raw(name: string): string {
  return Buffer.from(encodeUtf8(name)).toString('latin1');
}

const place = ({ start, contentStart, end }: FieldSpan): string => `${start} ${contentStart} ${end}`;

const placeOf = ({ start, tag, prefix, raw: { length } }: ProtoField): string =>
  `${start} ${start + tag.length + prefix.length} ${start + length}`;

function nodeOf({ input, output, name, opType, domain, overload, attribute }: NodeProto): unknown {
  const bodies = [...attribute.values()].flatMap(({ g, graphs }) => [
    ...(g === undefined ? [] : [g]),
    ...graphs,
  ]);
  return {
    input: input.map(raw),
    output: output.map(raw),
    text: [name, opType, domain, overload].map(raw),
    attributes: [...attribute.keys()].map(raw),
    bodies: bodies.map(outline),
  };
}

/** What the scan says of a graph. */
function outline(graph: GraphProto): unknown {
  return {
    name: raw(graph.name),
    nodes: graph.node.map(nodeOf),
    nodePlaces: graph.node.map(({ span }) => place(span)),
    initializers: graph.initializer.map(({ name, dims, dataType, span }) => [
      raw(name),
      [...dims],
      dataType,
      place(span),
    ]),
    values: [graph.input, graph.output, graph.valueInfo].map((values) =>
      values.map(({ name, span }) => [raw(name), place(span)]),
    ),
  };
}

function number(content: Uint8Array): number {
  let value = 0n;
  for (const [at, byte] of content.entries()) value |= BigInt(byte & 0x7f) << BigInt(7 * at);
  return Number(BigInt.asIntN(64, value));
}

function numbers(fields: readonly ProtoField[]): number[] {
  return fields.flatMap(({ wireType, content }) => {
    if (wireType !== 2) return [number(content)];
    const list: number[] = [];
    for (let at = 0; at < content.length; ) {
      let end = at;
      while ((content[end] ?? 0) >= 0x80) end += 1;
      list.push(number(content.subarray(at, end + 1)));
      at = end + 1;
    }
    return list;
  });
}

function nodeIn({ children }: ProtoField): unknown {
  const attributes = fieldsOf(children, 5);
  const domain = textOf(children, 7);
  // The bodies of an attribute: all pieces of `g` are one graph, each of `graphs` is one of its own.
  const bodies = attributes.flatMap((attribute) => {
    const pieces = fieldsOf(attribute.children, 6);
    const single = pieces.length === 0 ? [] : [pieces.flatMap((piece) => piece.children)];
    return [...single, ...fieldsOf(attribute.children, 11).map((graph) => graph.children)];
  });
  return {
    input: fieldsOf(children, 1).map(latin1),
    output: fieldsOf(children, 2).map(latin1),
    text: [textOf(children, 3), textOf(children, 4), domain === 'ai.onnx' ? '' : domain, textOf(children, 8)],
    attributes: attributes.map((attribute) => textOf(attribute.children, 1)),
    bodies: bodies.map(outlineOf),
  };
}

/** What the parser says of it. */
function outlineOf(graph: readonly ProtoField[]): unknown {
  const nodes = fieldsOf(graph, 1);
  return {
    name: textOf(graph, 2),
    nodes: nodes.map(nodeIn),
    nodePlaces: nodes.map(placeOf),
    initializers: fieldsOf(graph, 5).map((field) => [
      textOf(field.children, 8),
      numbers(fieldsOf(field.children, 1)),
      numbers(fieldsOf(field.children, 2)).at(-1) ?? 0,
      placeOf(field),
    ]),
    values: [11, 12, 13].map((each) =>
      fieldsOf(graph, each).map((field) => [textOf(field.children, 1), placeOf(field)]),
    ),
  };
}

/** Fails where the scan and the parser disagree. */
export function expectAgreement(model: ModelFile, bytes: Uint8Array): void {
  const tree = parseModel(bytes);
  expect(outline(model.graph)).toEqual(outlineOf(graphOf(tree)));
  expect(model.graph.segments.map(place)).toEqual(fieldsOf(tree, 7).map(placeOf));
  expect(model.irVersion).toBe(numbers(fieldsOf(tree, 1)).at(-1) ?? 0);
  expect([model.producerName, model.producerVersion].map(raw)).toEqual([textOf(tree, 2), textOf(tree, 3)]);
  expect(model.metadataProps.map(({ key, value }) => [key, value].map(raw))).toEqual(
    fieldsOf(tree, 14).map(({ children }) => [textOf(children, 1), textOf(children, 2)]),
  );
  expect(
    model.functions.map(({ name, domain, overload, node }) => [
      [name, domain, overload].map(raw),
      node.map(nodeOf),
    ]),
  ).toEqual(
    fieldsOf(tree, 25).map(({ children }) => [
      [textOf(children, 1), textOf(children, 10), textOf(children, 13)],
      fieldsOf(children, 7).map(nodeIn),
    ]),
  );
  const payloads = payloadsOf(tree).sort(([a], [b]) => a - b);
  expect(model.payloads.map(({ offset, length }) => [offset, length])).toEqual(payloads);
}

/** The contents of all tensor data fields, wherever they are. */
function payloadsOf(fields: readonly ProtoField[]): [offset: number, length: number][] {
  return fields.flatMap((field) => {
    if (field.message !== 'tensor') return payloadsOf(field.children);
    return field.children
      .filter(({ number: each }) => [4, 5, 6, 7, 9, 10, 11].includes(each))
      .map(({ start, tag, prefix, content }): [number, number] => [
        start + tag.length + prefix.length,
        content.length,
      ]);
  });
}
