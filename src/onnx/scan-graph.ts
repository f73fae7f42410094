import { concatBytes } from '../wire/bytes.ts';
import { childPath, type FieldPath } from '../wire/field-path.ts';
import type { Enclosure } from '../wire/patch.ts';
import { decodeUtf8 } from '../wire/utf8.ts';
import type { Field, Reading, SlidingWindow } from '../wire/window.ts';
import type {
  AttributeProto,
  ByteRange,
  FieldSpan,
  GraphProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from './model-file.ts';
import { onnx } from './proto.ts';
import { checkMessage, knownField, readName, readText, readWhole, toSpan } from './scan-message.ts';
import { scanTensor } from './scan-tensor.ts';
import { scanTypeProto } from './type-proto.ts';

/** Attribute lists longer than this are weights (an ensemble's trees, a Constant's floats) and are not read. */
const LIST_LIMIT = 64 * 1024;

/** Scans a graph that may be written in several pieces. */
export function* scanGraph(
  window: SlidingWindow,
  segments: readonly FieldSpan[],
  path: FieldPath,
  payloads: ByteRange[],
): Reading<GraphProto> {
  const node: NodeProto[] = [];
  const initializer: TensorProto[] = [];
  const sparseInitializer: TensorProto[] = [];
  const input: ValueInfoProto[] = [];
  const output: ValueInfoProto[] = [];
  const valueInfo: ValueInfoProto[] = [];
  let name = '';
  for (const segment of segments) {
    let field: Field;
    for (let at = segment.contentStart; at < segment.end; at = field.end) {
      const request = window.header(at, segment.end);
      if (request !== undefined) yield request;
      field = window.field(at, segment.end, path);
      const known = knownField('GraphProto', field, path);
      switch (known?.name) {
        case 'node':
          node.push(
            yield* scanNode(window, field, segment, childPath(path, 'node', at, node.length), payloads),
          );
          break;
        case 'initializer': {
          const tensorPath = childPath(path, 'initializer', at, initializer.length);
          initializer.push(yield* scanTensor(window, [toSpan(field, segment)], tensorPath, payloads));
          break;
        }
        case 'sparseInitializer': {
          const sparsePath = childPath(path, 'sparseInitializer', at, sparseInitializer.length);
          for (const tensor of yield* scanSparse(window, field, segment, sparsePath, payloads))
            sparseInitializer.push(tensor);
          break;
        }
        case 'input':
        case 'output':
        case 'valueInfo': {
          const list = known.name === 'input' ? input : known.name === 'output' ? output : valueInfo;
          list.push(
            yield* scanValueInfo(window, field, segment, childPath(path, known.name, at, list.length)),
          );
          break;
        }
        case 'name':
          name = yield* readText(window, field, path);
          break;
        case 'quantizationAnnotation':
          yield* checkMessage(window, 'TensorAnnotation', field, childPath(path, known.name, at));
          break;
        case 'metadataProps':
          yield* checkMessage(window, 'StringStringEntryProto', field, childPath(path, known.name, at));
          break;
      }
    }
  }
  return { segments, name, node, initializer, sparseInitializer, input, output, valueInfo };
}

/** Most nodes of a graph, and most attributes of them, have little: what is empty is one for all. */
const NO_ATTRIBUTES: ReadonlyMap<string, AttributeProto> = new Map();
const NOTHING: readonly never[] = [];

function orNothing<T>(items: readonly T[]): readonly T[] {
  return items.length === 0 ? NOTHING : items;
}

/** Scans a node with its attributes and the graphs in them. */
export function* scanNode(
  window: SlidingWindow,
  nodeField: Field,
  parent: Enclosure,
  path: FieldPath,
  payloads: ByteRange[],
): Reading<NodeProto> {
  const span = toSpan(nodeField, parent);
  const input: string[] = [];
  const output: string[] = [];
  let attributes: Map<string, AttributeProto> | undefined;
  let holdsGraphs = false;
  const text = { name: '', opType: '', domain: '', overload: '' };
  let field: Field;
  for (let at = span.contentStart; at < span.end; at = field.end) {
    const request = window.header(at, span.end);
    if (request !== undefined) yield request;
    field = window.field(at, span.end, path);
    const known = knownField('NodeProto', field, path);
    switch (known?.name) {
      case 'input':
        input.push(yield* readName(window, field, path));
        break;
      case 'output':
        output.push(yield* readName(window, field, path));
        break;
      case 'name':
        text.name = yield* readText(window, field, path);
        break;
      case 'opType':
      case 'domain':
      case 'overload':
        text[known.name] = yield* readName(window, field, path);
        break;
      case 'attribute': {
        const found = yield* scanAttribute(
          window,
          toSpan(field, span),
          childPath(path, 'attribute', at, attributes?.size ?? 0),
          payloads,
        );
        attributes ??= new Map();
        attributes.set(found.name, found);
        holdsGraphs ||= found.g !== undefined || found.graphs.length > 0;
        break;
      }
      case 'metadataProps':
        yield* checkMessage(window, 'StringStringEntryProto', field, childPath(path, known.name, at));
        break;
      case 'deviceConfigurations':
        yield* checkMessage(window, 'NodeDeviceConfigurationProto', field, childPath(path, known.name, at));
        break;
    }
  }
  // `ai.onnx` is another spelling of the default domain (ONNX IR spec, "Operator Sets").
  if (text.domain === 'ai.onnx') text.domain = '';
  const attribute = attributes ?? NO_ATTRIBUTES;
  return { span, input, output, attribute, bodies: holdsGraphs ? bodiesIn(attribute) : NOTHING, ...text };
}

function bodiesIn(attribute: NodeProto['attribute']): readonly GraphProto[] {
  const bodies: GraphProto[] = [];
  for (const { g, graphs } of attribute.values()) {
    if (g !== undefined) bodies.push(g);
    // One by one: a call takes no more arguments than the stack has room for.
    for (const graph of graphs) bodies.push(graph);
  }
  return bodies;
}

/** Scans an attribute: of a node, or the default that a function gives one. */
export function* scanAttribute(
  window: SlidingWindow,
  span: FieldSpan,
  path: FieldPath,
  payloads: ByteRange[],
): Reading<AttributeProto> {
  const scalars = new Map<number, Uint8Array>();
  const lists: Uint8Array[] = [];
  const tensors: TensorProto[] = [];
  const graphs: GraphProto[] = [];
  const tensorSpans: FieldSpan[] = [];
  const graphSpans: FieldSpan[] = [];
  let name = '';
  let listBytes = 0;
  let elided = false;
  let field: Field;
  for (let at = span.contentStart; at < span.end; at = field.end) {
    const request = window.header(at, span.end);
    if (request !== undefined) yield request;
    field = window.field(at, span.end, path);
    const known = knownField('AttributeProto', field, path);
    if (known === undefined) continue;
    switch (known.name) {
      case 't':
        tensorSpans.push(toSpan(field, span));
        break;
      case 'g':
        graphSpans.push(toSpan(field, span));
        break;
      case 'tensors': {
        const tensorPath = childPath(path, 'tensors', at, tensors.length);
        tensors.push(yield* scanTensor(window, [toSpan(field, span)], tensorPath, payloads));
        break;
      }
      case 'graphs': {
        const graphPath = childPath(path, 'graphs', at, graphs.length);
        graphs.push(yield* scanGraph(window, [toSpan(field, span)], graphPath, payloads));
        break;
      }
      case 'sparseTensor':
      case 'sparseTensors':
        yield* scanSparse(window, field, span, childPath(path, known.name, at), payloads);
        break;
      case 'tp':
      case 'typeProtos':
        yield* checkMessage(window, 'TypeProto', field, childPath(path, known.name, at));
        break;
      case 'name':
        name = yield* readName(window, field, path);
        break;
      case 'docString':
        break;
      case 'f':
      case 'i':
      case 'type':
        // The last one counts; it is never among what is too long to be read.
        scalars.set(field.number, (yield* readWhole(window, known, field, path)).slice());
        break;
      default:
        listBytes += field.end - field.start;
        if (listBytes > LIST_LIMIT) elided = true;
        else lists.push((yield* readWhole(window, known, field, path)).slice());
    }
  }
  const t =
    tensorSpans.length === 0
      ? undefined
      : yield* scanTensor(window, tensorSpans, childPath(path, 't', span.start), payloads);
  const g =
    graphSpans.length === 0
      ? undefined
      : yield* scanGraph(window, graphSpans, childPath(path, 'g', span.start), payloads);
  const proto = onnx.AttributeProto.decode(concatBytes([...scalars.values(), ...lists]));
  return {
    name,
    type: proto.type,
    refAttrName: proto.refAttrName,
    f: proto.f,
    i: Number(proto.i),
    s: decodeUtf8(proto.s),
    floats: orNothing(proto.floats),
    ints: orNothing(proto.ints.map(Number)),
    strings: orNothing(proto.strings.map(decodeUtf8)),
    t,
    g,
    tensors: orNothing(tensors),
    graphs: orNothing(graphs),
    elided,
  };
}

function* scanSparse(
  window: SlidingWindow,
  sparse: Field,
  parent: Enclosure,
  path: FieldPath,
  payloads: ByteRange[],
): Reading<TensorProto[]> {
  const span = toSpan(sparse, parent);
  const values: TensorProto[] = [];
  let field: Field;
  for (let at = span.contentStart; at < span.end; at = field.end) {
    const request = window.header(at, span.end);
    if (request !== undefined) yield request;
    field = window.field(at, span.end, path);
    const known = knownField('SparseTensorProto', field, path);
    if (known?.name === 'values' || known?.name === 'indices') {
      const tensorPath = childPath(path, known.name, at);
      const tensor = yield* scanTensor(window, [toSpan(field, span)], tensorPath, payloads);
      if (known.name === 'values') values.push(tensor);
    }
  }
  return values;
}

/** Scans a declared value: its name and its type. */
export function* scanValueInfo(
  window: SlidingWindow,
  valueField: Field,
  parent: Enclosure,
  path: FieldPath,
): Reading<ValueInfoProto> {
  const span = toSpan(valueField, parent);
  const types: Field[] = [];
  let name = '';
  let field: Field;
  for (let at = span.contentStart; at < span.end; at = field.end) {
    const request = window.header(at, span.end);
    if (request !== undefined) yield request;
    field = window.field(at, span.end, path);
    const known = knownField('ValueInfoProto', field, path);
    if (known?.name === 'name') name = yield* readName(window, field, path);
    else if (known?.name === 'type') {
      const typePath = childPath(path, 'type', at);
      yield* checkMessage(window, 'TypeProto', field, typePath);
      types.push(field);
    } else if (known?.name === 'metadataProps') {
      yield* checkMessage(window, 'StringStringEntryProto', field, childPath(path, known.name, at));
    }
  }
  return { span, name, type: yield* scanTypeProto(window, types, path) };
}
