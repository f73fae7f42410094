import { SeInjectError } from '../errors.ts';
import type { ByteSource } from '../wire/byte-source.ts';
import { childPath, type FieldPath, MODEL_PATH } from '../wire/field-path.ts';
import { type Field, type Reading, readFrom, type SlidingWindow } from '../wire/window.ts';
import { refuseForeignFormat } from './foreign-format.ts';
import type {
  ByteRange,
  FieldSpan,
  FunctionProto,
  ModelFile,
  NodeProto,
  OperatorSetIdProto,
} from './model-file.ts';
import { onnx } from './proto.ts';
import { scanAttribute, scanGraph, scanNode, scanValueInfo } from './scan-graph.ts';
import { checkMessage, knownField, readBytes, readName, readText, toSpan } from './scan-message.ts';

/**
 * Scans an ONNX file: every message of its graph and where it lies, without the weights.
 *
 * Memory grows with the graph. Throws `onnx/empty-file`, `onnx/foreign-format` (naming the format), `onnx/no-graph`,
 * and for damage a `wire/...` error with the byte offset and the field path.
 *
 * @example
 * ```ts
 * const model = await scanModel(memorySource(bytes));
 * model.graph.node.length; // → 122
 * ```
 */
export async function scanModel(source: ByteSource): Promise<ModelFile> {
  await refuseForeignFormat(source);
  const model = await readFrom(source, (window) => scan(window, source));
  if (model.graph.segments.length > 0) return model;
  throw new SeInjectError('onnx/no-graph', 'the file has no graph: it is no ONNX model, or an empty one', {
    details: { size: source.size },
  });
}

function* scan(window: SlidingWindow, source: ByteSource): Reading<ModelFile> {
  const payloads: ByteRange[] = [];
  const segments: FieldSpan[] = [];
  const opsetImport: OperatorSetIdProto[] = [];
  const functions: FunctionProto[] = [];
  const metadataProps: ModelFile['metadataProps'][number][] = [];
  const text = { producerName: '', producerVersion: '' };
  let irVersion = 0;
  let field: Field;
  for (let at = 0; at < source.size; at = field.end) {
    const request = window.header(at, source.size);
    if (request !== undefined) yield request;
    field = window.field(at, source.size, MODEL_PATH);
    const known = knownField('ModelProto', field, MODEL_PATH);
    switch (known?.name) {
      case 'irVersion':
        irVersion = Number(window.int64(field));
        break;
      case 'producerName':
      case 'producerVersion':
        text[known.name] = yield* readText(window, field, MODEL_PATH);
        break;
      case 'graph':
        segments.push(toSpan(field, undefined));
        break;
      case 'opsetImport':
        opsetImport.push(
          yield* scanOpset(window, field, childPath(MODEL_PATH, 'opsetImport', at, opsetImport.length)),
        );
        break;
      case 'metadataProps': {
        const path = childPath(MODEL_PATH, 'metadataProps', at, metadataProps.length);
        metadataProps.push({ span: toSpan(field, undefined), ...(yield* scanEntry(window, field, path)) });
        break;
      }
      case 'functions': {
        const path = childPath(MODEL_PATH, 'functions', at, functions.length);
        functions.push(yield* scanFunction(window, toSpan(field, undefined), path, payloads));
        break;
      }
      case 'trainingInfo':
        yield* scanTraining(
          window,
          toSpan(field, undefined),
          childPath(MODEL_PATH, known.name, at),
          payloads,
        );
        break;
      case 'configuration':
        yield* checkMessage(window, 'DeviceConfigurationProto', field, childPath(MODEL_PATH, known.name, at));
        break;
    }
  }
  const graph = yield* scanGraph(window, segments, childPath(MODEL_PATH, 'graph', 0), payloads);
  payloads.sort((a, b) => a.offset - b.offset);
  return { source, irVersion, ...text, opsetImport, metadataProps, graph, functions, payloads };
}

function* scanOpset(window: SlidingWindow, field: Field, path: FieldPath): Reading<OperatorSetIdProto> {
  yield* checkMessage(window, 'OperatorSetIdProto', field, path);
  const proto = onnx.OperatorSetIdProto.decode(yield* readBytes(window, field, path));
  return { domain: proto.domain === 'ai.onnx' ? '' : proto.domain, version: Number(proto.version) };
}

/** Reads key and value one to one with their bytes, which onnx-proto would not. */
function* scanEntry(
  window: SlidingWindow,
  entry: Field,
  path: FieldPath,
): Reading<{ readonly key: string; readonly value: string }> {
  const text = { key: '', value: '' };
  let field: Field;
  for (let at = entry.contentStart; at < entry.end; at = field.end) {
    const request = window.header(at, entry.end);
    if (request !== undefined) yield request;
    field = window.field(at, entry.end, path);
    const known = knownField('StringStringEntryProto', field, path);
    if (known?.name === 'key' || known?.name === 'value')
      text[known.name] = yield* readText(window, field, path);
  }
  return text;
}

function* scanFunction(
  window: SlidingWindow,
  span: FieldSpan,
  path: FieldPath,
  payloads: ByteRange[],
): Reading<FunctionProto> {
  const input: string[] = [];
  const output: string[] = [];
  const node: NodeProto[] = [];
  const opsetImport: OperatorSetIdProto[] = [];
  const text = { name: '', domain: '', overload: '' };
  let field: Field;
  for (let at = span.contentStart; at < span.end; at = field.end) {
    const request = window.header(at, span.end);
    if (request !== undefined) yield request;
    field = window.field(at, span.end, path);
    const known = knownField('FunctionProto', field, path);
    switch (known?.name) {
      case 'name':
      case 'domain':
      case 'overload':
        text[known.name] = yield* readName(window, field, path);
        break;
      case 'input':
        input.push(yield* readName(window, field, path));
        break;
      case 'output':
        output.push(yield* readName(window, field, path));
        break;
      case 'node':
        node.push(yield* scanNode(window, field, span, childPath(path, 'node', at, node.length), payloads));
        break;
      case 'opsetImport':
        opsetImport.push(
          yield* scanOpset(window, field, childPath(path, known.name, at, opsetImport.length)),
        );
        break;
      case 'attributeProto':
        yield* scanAttribute(window, toSpan(field, span), childPath(path, known.name, at), payloads);
        break;
      case 'valueInfo':
        yield* scanValueInfo(window, field, span, childPath(path, known.name, at));
        break;
      case 'metadataProps':
        yield* checkMessage(window, 'StringStringEntryProto', field, childPath(path, known.name, at));
        break;
    }
  }
  return { ...text, input, output, node, opsetImport };
}

/** Training graphs are kept as they are; they are walked for damage and for their payloads. */
function* scanTraining(
  window: SlidingWindow,
  span: FieldSpan,
  path: FieldPath,
  payloads: ByteRange[],
): Reading<void> {
  let field: Field;
  for (let at = span.contentStart; at < span.end; at = field.end) {
    const request = window.header(at, span.end);
    if (request !== undefined) yield request;
    field = window.field(at, span.end, path);
    const known = knownField('TrainingInfoProto', field, path);
    if (known?.form === 'GraphProto') {
      yield* scanGraph(window, [toSpan(field, span)], childPath(path, known.name, at), payloads);
    }
  }
}
