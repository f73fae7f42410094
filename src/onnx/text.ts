import { isSeInjectError } from '../errors.ts';
import { dataTypeName } from './data-type.ts';
import { formatName } from './format-name.ts';
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelFile,
  NodeProto,
  OperatorSetIdProto,
  TensorProto,
  TypeProto,
  ValueInfoProto,
} from './model-file.ts';
import { elementCount, inlineNumbers } from './tensor-data.ts';

/** How a model is shown. */
export interface FormatModelOptions {
  /** Lists and tensors of at most this many elements are shown in full. */
  readonly numbers?: number;
}

/** The defaults of {@link FormatModelOptions}. */
export const FORMAT_MODEL_DEFAULTS: Required<FormatModelOptions> = { numbers: 8 };

/** `AttributeProto.AttributeType` by number, as ONNX's text syntax names them. */
const ATTRIBUTE_TYPES: readonly string[] = [
  'undefined',
  'float',
  'int',
  'string',
  'tensor',
  'graph',
  'floats',
  'ints',
  'strings',
  'tensors',
  'graphs',
  'sparse_tensor',
  'sparse_tensors',
  'type_proto',
  'type_protos',
];

/** What stands for numbers that are not shown. */
const ELIDED = '…';

/**
 * A model as text for people and for tests: always the same text for the same model.
 *
 * It is close to the syntax of ONNX's own printer, in the order of the file, and made to be read and compared, not to
 * be parsed: weights are shown by type and shape, names that would steer a terminal are escaped and very long ones cut.
 *
 * @example
 * ```ts
 * formatModel(await scanModel(source));
 * // → <
 * //     ir_version: 8,
 * //     opset_import: ["" : 17]
 * //   >
 * //   net (float[N,3,32,32] x) => (float[N,10] y)
 * //   <
 * //     float[10,3,32,32] weight = {…}
 * //   >
 * //   {
 * //     y = Conv <kernel_shape: ints = [32, 32]> (x, weight)
 * //   }
 * ```
 *
 * @see https://github.com/onnx/onnx/blob/main/docs/Syntax.md
 */
export function formatModel(model: ModelFile, options: FormatModelOptions = {}): string {
  const { numbers = FORMAT_MODEL_DEFAULTS.numbers } = options;
  const metadata = model.metadataProps.map(({ key, value }) => `${quote(key)} : ${quote(value)}`);
  const header = [
    `ir_version: ${model.irVersion}`,
    opsetImport(model.opsetImport),
    ...textField('producer_name', model.producerName),
    ...textField('producer_version', model.producerVersion),
    ...(metadata.length === 0 ? [] : [`metadata_props: [${metadata.join(', ')}]`]),
  ];
  const lines = [
    ...block('<', header, '>'),
    ...graphLines(model.graph, numbers),
    ...model.functions.flatMap((entry) => functionLines(entry, numbers)),
  ];
  return `${lines.join('\n')}\n`;
}

function graphLines(graph: GraphProto, numbers: number): string[] {
  const values = (list: readonly ValueInfoProto[]): string => list.map(valueText).join(', ');
  const tensors = [
    ...graph.initializer.map((tensor) => tensorText(tensor, numbers)),
    ...graph.sparseInitializer.map((tensor) => `sparse ${tensorText(tensor, numbers)}`),
    ...graph.valueInfo.map(valueText),
  ];
  return [
    `${nameText(graph.name)} (${values(graph.input)}) => (${values(graph.output)})`,
    ...(tensors.length === 0 ? [] : block('<', tensors, '>')),
    ...nodeLines(graph.node, numbers),
  ];
}

function functionLines(entry: FunctionProto, numbers: number): string[] {
  const header = [
    `domain: ${quote(entry.domain)}`,
    ...textField('overload', entry.overload),
    opsetImport(entry.opsetImport),
  ];
  const names = (list: readonly string[]): string => list.map(nameText).join(', ');
  return [
    ...block('<', header, '>'),
    `${nameText(entry.name)} (${names(entry.input)}) => (${names(entry.output)})`,
    ...nodeLines(entry.node, numbers),
  ];
}

function nodeLines(nodes: readonly NodeProto[], numbers: number): string[] {
  return ['{', ...nodes.flatMap((node) => indent(nodeText(node, numbers))), '}'];
}

function nodeText(node: NodeProto, numbers: number): string[] {
  const name = node.name === '' ? '' : `[${nameText(node.name)}] `;
  const outputs = node.output.map(nameText).join(', ');
  const domain = node.domain === '' ? '' : `${nameText(node.domain)}.`;
  const overload = node.overload === '' ? '' : `:${nameText(node.overload)}`;
  const call = `${name}${outputs} = ${domain}${nameText(node.opType)}${overload}`;
  const inputs = `(${node.input.map(nameText).join(', ')})`;
  const attributes = [...node.attribute.values()];
  if (attributes.length === 0) return [`${call} ${inputs}`];
  const parts = attributes.map((attribute) => attributeLines(attribute, numbers));
  if (parts.every((lines) => lines.length === 1)) return [`${call} <${parts.join(', ')}> ${inputs}`];
  return [`${call} <`, ...indent(separate(parts)), `> ${inputs}`];
}

/** An attribute: one line, or as many as its body has. */
function attributeLines(attribute: AttributeProto, numbers: number): string[] {
  const { g, graphs } = attribute;
  const head = `${nameText(attribute.name)}: ${attributeType(attribute)} =`;
  const bodies = g === undefined ? graphs : [g];
  if (bodies.length === 0) return [`${head} ${attributeText(attribute, numbers)}`];
  const [first = '', ...lines] = separate(bodies.map((body) => graphLines(body, numbers)));
  return [`${head} ${first}`, ...lines];
}

function attributeText(attribute: AttributeProto, numbers: number): string {
  const { refAttrName, t, tensors, f, i, s, floats, ints, strings, elided } = attribute;
  if (refAttrName !== '') return `@${nameText(refAttrName)}`;
  const list = <T>(items: readonly T[], show: (item: T) => string): string =>
    `[${listText(elided ? undefined : items.map(show), numbers)}]`;
  switch (attributeType(attribute)) {
    case 'float':
      return floatText(f);
    case 'int':
      return String(i);
    case 'string':
      return quote(s);
    case 'floats':
      return list(floats, floatText);
    case 'ints':
      return list(ints, String);
    case 'strings':
      return list(strings, quote);
    case 'tensor':
      return t === undefined ? ELIDED : tensorText(t, numbers);
    case 'tensors':
      return list(tensors, (tensor) => tensorText(tensor, numbers));
    default:
      return ELIDED;
  }
}

/** The declared type of an attribute, or by what it holds where a writer before IR 2 left the type out. */
function attributeType({ type, t, g, s, floats, ints, strings, f }: AttributeProto): string {
  if (type !== 0) return ATTRIBUTE_TYPES[type] ?? `type ${type}`;
  if (t !== undefined) return 'tensor';
  if (g !== undefined) return 'graph';
  if (floats.length > 0) return 'floats';
  if (ints.length > 0) return 'ints';
  if (strings.length > 0) return 'strings';
  if (s !== '') return 'string';
  return f === 0 ? 'int' : 'float';
}

function tensorText(tensor: TensorProto, numbers: number): string {
  const { name, dims, data, dataType } = tensor;
  // A scalar has no brackets.
  const type = `${dataTypeName(dataType).toLowerCase()}${dims.length === 0 ? '' : `[${dims.join()}]`}`;
  const head = name === '' ? type : `${type} ${nameText(name)} =`;
  if (data.location === 'external') {
    const entries = [`"location" : ${quote(data.path)}`, `"offset" : "${data.offset}"`];
    if (data.length !== undefined) entries.push(`"length" : "${data.length}"`);
    return `${head} [${entries.join(', ')}]`;
  }
  const small = elementCount(dims) <= numbers ? soundNumbers(tensor) : undefined;
  return `${head} {${listText(small === undefined ? undefined : [...small].map(floatText), numbers)}}`;
}

/** A damaged tensor is shown like one that is too large: text is what one looks for the damage with. */
function soundNumbers(tensor: TensorProto): Float64Array | undefined {
  try {
    return inlineNumbers(tensor);
  } catch (error) {
    if (isSeInjectError(error)) return undefined;
    throw error;
  }
}

function listText(items: readonly string[] | undefined, limit: number): string {
  if (items === undefined) return ELIDED;
  return items.length > limit ? [...items.slice(0, limit), ELIDED].join(', ') : items.join(', ');
}

function valueText({ name, type }: ValueInfoProto): string {
  return `${typeText(type)} ${nameText(name)}`;
}

/** `float` is a scalar and `float[]` of unknown rank, as in ONNX's syntax. */
function typeText({ kind, elemType, shape }: TypeProto): string {
  if (kind !== 'tensor' && kind !== 'sparseTensor') return kind;
  const element = dataTypeName(elemType).toLowerCase();
  const dims = shape?.map((dim) => (dim === undefined ? '?' : typeof dim === 'string' ? nameText(dim) : dim));
  const type = dims?.length === 0 ? element : `${element}[${(dims ?? []).join()}]`;
  return kind === 'tensor' ? type : `sparse ${type}`;
}

/** The shortest number that is the same float32, or the number itself where it is no float32. */
function floatText(value: number): string {
  if (!Number.isFinite(value) || Math.fround(value) !== value) return String(value);
  for (let digits = 1; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return Object.is(short, -0) ? '-0' : String(short);
  }
  return String(Number(value.toPrecision(9)));
}

function opsetImport(entries: readonly OperatorSetIdProto[]): string {
  return `opset_import: [${entries.map(({ domain, version }) => `${quote(domain)} : ${version}`).join(', ')}]`;
}

function textField(name: string, text: string): string[] {
  return text === '' ? [] : [`${name}: ${quote(text)}`];
}

/** A name, in quotes where it could be taken for something else or had to be escaped. */
function nameText(name: string): string {
  return formatName(name) === name && /^[^\s"(),<>=[\]{}:@…]+$/.test(name) ? name : quote(name);
}

function quote(text: string): string {
  return `"${formatName(text.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))}"`;
}

/** Lines between brackets that have lines of their own. */
function block(open: string, entries: readonly string[], close: string): string[] {
  return [open, ...indent(separate(entries.map((entry) => [entry]))), close];
}

/** Puts a comma behind each part but the last. */
function separate(parts: readonly (readonly string[])[]): string[] {
  return parts.flatMap((lines, part) =>
    lines.map((line, at) => (part < parts.length - 1 && at === lines.length - 1 ? `${line},` : line)),
  );
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
