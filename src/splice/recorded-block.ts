import { BLOCK_INPUT, type BlockDefinition, type WeightSpec } from '../blocks/block.ts';
import { isSeInjectError } from '../errors.ts';
import { constantOf } from '../graph/constants.ts';
import { type GraphView, type NodeId, producerOf, usesOf } from '../graph/view.ts';
import { DataType, type DataTypeNumber, dataTypeName } from '../onnx/data-type.ts';
import type { AttributeValue, NewNode } from '../onnx/encode.ts';
import { formatName } from '../onnx/format-name.ts';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../onnx/half.ts';
import type { AttributeProto, FieldSpan, NodeProto } from '../onnx/model-file.ts';
import { blockName } from './instantiate.ts';
import type { RecordedSite } from './record.ts';
import { nodesAtSite, type SiteNode, type SiteNodes } from './site-nodes.ts';

/** A recorded block as it was found in a model. */
export interface FoundBlock {
  readonly nodes: readonly NodeId[];
  /** The fields of the file that are the block: its nodes, and its weights where these are initializers. */
  readonly fields: readonly FieldSpan[];
  /** The features that the block itself reads: the tapped value, or what it was dequantized to. */
  readonly features: string;
  /** The scaled features that the block itself gives, before they are quantized again. */
  readonly gated: string;
  /** The value that the readers get. */
  readonly scaled: string;
  /** What is not as the record and the block's definition say; nothing may be done with the block then. */
  readonly findings: readonly string[];
}

/**
 * Finds the block that a record speaks of and compares it, node by node and attribute by attribute, with what the
 * block's definition builds for the recorded options. The record is untrusted: it only says where to look.
 */
export function findRecordedBlock(
  view: GraphView,
  recorded: RecordedSite,
  block: BlockDefinition,
): FoundBlock {
  const built = buildRecorded(recorded, block);
  if ('fault' in built)
    return { nodes: [], fields: [], features: '', gated: '', scaled: '', findings: [built.fault] };
  const { at, weights } = built;
  const findings: string[] = [];
  const nodes: NodeId[] = [];
  const fields: FieldSpan[] = [];
  const named = nameOf(recorded, at);
  const specs = at.nodes;
  for (const spec of specs) {
    const value = named(spec.name);
    const producer = view.producers.get(value);
    const node = producer === undefined ? undefined : view.nodes[producer.node];
    if (producer === undefined || node === undefined) {
      findings.push(`nothing gives value "${formatName(value)}", where the record has a ${spec.opType} node`);
      continue;
    }
    nodes.push(producer.node);
    fields.push(node.span);
    const difference = nodeDifference(node, spec, spec.inputs.map(named));
    if (difference !== undefined)
      findings.push(`the ${spec.opType} node of "${formatName(value)}" ${difference}`);
  }
  findings.push(...foreignNames(recorded, block, specs.at(-1)?.name));
  const ownNodes = new Set(nodes);
  for (const weight of weights) {
    findings.push(...checkWeight(view, named(weight.name), weight, recorded, ownNodes, fields));
  }
  const scaled = named(specs.at(-1)?.name ?? '');
  for (const spec of specs) {
    const value = named(spec.name);
    if (value !== scaled && readElsewhere(view, value, ownNodes)) {
      findings.push(`value "${formatName(value)}" inside the block is read from outside it`);
    }
  }
  return { nodes, fields, features: named(at.features), gated: named(at.scaled), scaled, findings };
}

/**
 * The nodes of a recorded block as an injection writes them, in the order of {@link FoundBlock.nodes}.
 *
 * Where the last one took the name of a graph output over, its own name is not in the record: there it is the one in the
 * file, as far as that is one that this tool gives.
 */
export function recordedNodes(
  view: GraphView,
  recorded: RecordedSite,
  block: BlockDefinition,
): readonly NewNode[] {
  const at = nodesAtSite(block, recorded);
  const named = nameOf(recorded, at);
  return at.nodes.map(({ name, opType, domain, inputs, attributes = {} }) => {
    const value = named(name);
    const given = value === recorded.value ? (producerOf(view, value)?.name ?? '') : value;
    return {
      name: isGivenName(given, recorded, block, name) ? given : value,
      opType,
      ...(domain === undefined ? {} : { domain }),
      input: inputs.map(named),
      output: [value],
      attributes,
    };
  });
}

/** What a block is for a record, or why it can be none: nobody has checked what the record says. */
function buildRecorded(
  recorded: RecordedSite,
  block: BlockDefinition,
): { readonly at: SiteNodes; readonly weights: readonly WeightSpec[] } | { readonly fault: string } {
  try {
    return { at: nodesAtSite(block, recorded), weights: block.weights(recorded.site, recorded.options) };
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    return { fault: `there is no "${block.name}" block of what the record says: ${error.message}` };
  }
}

/** Names in the model by the names within a recorded block. */
function nameOf({ tapped, names }: RecordedSite, { outer }: SiteNodes): (local: string) => string {
  return (local) => (local === BLOCK_INPUT ? tapped : (names[local] ?? outer.get(local) ?? ''));
}

/**
 * Names that this tool would not have given: a record that points at the model's own nodes, which may look like a block
 * of ours to the last attribute, takes nothing out. Only the scaled value may have the name of the value that was tapped.
 */
function foreignNames(recorded: RecordedSite, block: BlockDefinition, scaled: string | undefined): string[] {
  return Object.entries(recorded.names)
    .filter(([local, name]) => !(local === scaled && name === recorded.value))
    .filter(([local, name]) => !isGivenName(name, recorded, block, local))
    .map(([, name]) => `"${formatName(name)}" is no name that was given by an injection`);
}

function isGivenName(name: string, { value }: RecordedSite, block: BlockDefinition, local: string): boolean {
  const base = blockName(value, block.name, local);
  return name.startsWith(base) && /^(_[1-9]\d*)?$/.test(name.slice(base.length));
}

function checkWeight(
  view: GraphView,
  name: string,
  weight: WeightSpec,
  recorded: RecordedSite,
  ownNodes: ReadonlySet<NodeId>,
  fields: FieldSpan[],
): string[] {
  const initializer = view.initializers.get(name);
  const producer = producerOf(view, name);
  const span = initializer?.span ?? (producer?.opType === 'Constant' ? producer.span : undefined);
  const constant = span === undefined ? undefined : constantOf(view, name);
  if (span === undefined || constant === undefined) return [`weight "${formatName(name)}" is missing`];
  fields.push(span);
  const dataType = weight.dataType ?? recorded.site.dataType;
  if (weight.value !== undefined && constant.numbers?.join() !== stored(weight.value, dataType).join()) {
    return [`constant "${formatName(name)}" is not [${weight.value}] as in the block`];
  }
  if (constant.dataType !== dataType) {
    const [found, wanted] = [constant.dataType, dataType].map(dataTypeName);
    return [`weight "${formatName(name)}" is of type ${found}, the record has ${wanted}`];
  }
  if (constant.dims.join() !== weight.dims.join()) {
    return [`weight "${formatName(name)}" has shape [${constant.dims}], the record has [${weight.dims}]`];
  }
  if (view.inputs.has(name)) return [`weight "${formatName(name)}" is a graph input too`];
  return readElsewhere(view, name, ownNodes)
    ? [`weight "${formatName(name)}" is read outside its block`]
    : [];
}

/** Numbers as a tensor of a type holds them: 1e-5 is another number in float32. */
function stored(numbers: readonly number[], dataType: DataTypeNumber): readonly number[] {
  switch (dataType) {
    case DataType.FLOAT:
      return numbers.map(Math.fround);
    case DataType.FLOAT16:
      return numbers.map((value) => fromFloat16(toFloat16(value)));
    case DataType.BFLOAT16:
      return numbers.map((value) => fromBfloat16(toBfloat16(value)));
    default:
      return numbers;
  }
}

function nodeDifference(
  node: NodeProto,
  { opType, domain = '', attributes = {} }: SiteNode,
  inputs: readonly string[],
): string | undefined {
  if (node.opType !== opType || node.domain !== domain) return `is of type ${formatName(node.opType)}`;
  if (node.output.length !== 1) return `has ${node.output.length} outputs`;
  if (node.input.length !== inputs.length) return `has ${node.input.length} inputs, not ${inputs.length}`;
  const at = inputs.findIndex((value, index) => node.input[index] !== value);
  if (at !== -1)
    return `reads "${formatName(node.input[at] ?? '')}" where the record has "${formatName(inputs[at] ?? '')}"`;
  if (node.bodies.length > 0) return 'has a body';
  if (node.attribute.size !== Object.keys(attributes).length) return 'has other attributes than the record';
  for (const [name, value] of Object.entries(attributes)) {
    const found = node.attribute.get(name);
    if (found === undefined || !sameAttribute(found, value)) return `has another "${name}" than the record`;
  }
  return undefined;
}

function sameAttribute(found: AttributeProto, wanted: AttributeValue): boolean {
  if ('int' in wanted) return found.i === wanted.int;
  if ('float' in wanted) return found.f === Math.fround(wanted.float);
  return found.ints.join() === wanted.ints.join();
}

function readElsewhere(view: GraphView, value: string, ownNodes: ReadonlySet<NodeId>): boolean {
  return usesOf(view, value).some((use) => use.kind !== 'input' || !ownNodes.has(use.node));
}
