import { scalarOf } from '../graph/constants.ts';
import type { ValueTypes } from '../graph/types.ts';
import { ValueTable } from '../graph/value-table.ts';
import type { GraphView, NodeId, ValueId } from '../graph/view.ts';
import { LEFT_OUT } from '../graph/wires.ts';
import { isFloating } from '../onnx/data-type.ts';

/** Operators whose result depends on sizes alone, whatever they read: the masks of dropped paths among them. */
const SIZE_OPERATORS: ReadonlySet<string> = new Set([
  'Shape',
  'Size',
  'EyeLike',
  'RandomNormalLike',
  'RandomUniformLike',
]);

/**
 * The values that carry data: those that depend on the contents of a graph input.
 *
 * Weights do not, nor does arithmetic on shapes, nor do the scale and zero point that DynamicQuantizeLinear finds, nor
 * what a stream kept of its last step, nor what is made from lengths and from vectors that condition a network on maps:
 * none of them is a branch of a block.
 */
export function dataValuesOf(
  view: GraphView,
  types: ValueTypes,
  order: readonly NodeId[],
): readonly boolean[] {
  const weights = ValueTable.of(view.wires, view.initializers).byNumber;
  const { names, inputs: nodeInputs, opTypes, reads, writes, writers } = view.wires;
  const inputs = [...view.inputs.keys()].filter((name) => !view.initializers.has(name));
  const hasMaps = inputs.some((name) => isMap(types, name));
  const others = inputs.filter(
    (name) => isNumber(types, name) || (hasMaps && isCondition(view, types, name)) || isParameter(view, name),
  );
  const left = new Set([
    ...keptInputsOf(view, inputs, order),
    ...(others.length < inputs.length ? others : []),
  ]);
  // What nothing defines is read from outside, as bodies do.
  const data = names.map(
    (name, value) =>
      value !== LEFT_OUT && writers[value] === -1 && weights[value] === undefined && !left.has(name),
  );
  for (const node of order) {
    const read = reads[node] ?? [];
    const opType = opTypes[node] ?? '';
    if (SIZE_OPERATORS.has(opType)) continue;
    // Zeros in the shape of something fill up channels.
    if (
      opType === 'Mul' &&
      nodeInputs[node]?.some((value) => data[value] !== true && scalarOf(view, names[value] ?? '') === 0)
    )
      continue;
    // A constant in the type of something, as onnxscript writes biases of zero, is no data for it.
    const source = opType === 'CastLike' ? read.slice(0, 1) : read;
    if (!source.some((value) => data[value])) continue;
    const written = writes[node] ?? [];
    for (const value of opType === 'DynamicQuantizeLinear' ? written.slice(0, 1) : written) {
      if (value !== LEFT_OUT) data[value] = true;
    }
  }
  return data;
}

/** Thresholds and the like come a few at a time; a signal may have one axis too. */
const FEW = 16;

/** Lengths, thresholds and the like: a number, or one for each image. */
function isNumber(types: ValueTypes, input: ValueId): boolean {
  const type = types.get(input);
  if (type?.shape === undefined || type.shape.length > 1) return false;
  const [size = 1] = type.shape;
  return !isFloating(type.dataType) || (typeof size === 'number' && size <= FEW);
}

/** Features over positions, or words that become such. */
function isMap(types: ValueTypes, input: ValueId): boolean {
  const type = types.get(input);
  const rank = type?.shape?.length ?? 0;
  return rank > 2 || (rank === 2 && type !== undefined && !isFloating(type.dataType));
}

/** What makes scales and shifts of a vector, on its way to be one for each channel. */
const OF_VECTORS: ReadonlySet<string> = new Set(['Gemm', 'MatMul']);

/** A vector beside maps that goes into matrix products alone: a style, a speaker, a class that conditions the network. */
function isCondition(view: GraphView, types: ValueTypes, input: ValueId): boolean {
  if (types.get(input)?.shape?.length !== 2) return false;
  return (view.uses.get(input) ?? []).every(
    (use) => use.kind === 'input' && OF_VECTORS.has(view.nodes[use.node]?.opType ?? ''),
  );
}

/** What has weights behind its first input. */
const WITH_PARAMETERS: ReadonlySet<string> = new Set([
  'Conv',
  'ConvTranspose',
  'Gemm',
  'BatchNormalization',
  'InstanceNormalization',
  'PRelu',
]);

/** A weight of a network that was exported without its weights, which are inputs like the image. */
function isParameter(view: GraphView, input: ValueId): boolean {
  const { initializer, sparseInitializer } = view.graph;
  if (initializer.length > 0 || sparseInitializer.length > 0) return false;
  return (view.uses.get(input) ?? []).every(
    (use) => use.kind === 'input' && use.input > 0 && WITH_PARAMETERS.has(view.nodes[use.node]?.opType ?? ''),
  );
}

/** How a kept piece is cut out of the input that holds it. */
const CUTS: ReadonlySet<string> = new Set([
  'Slice',
  'Split',
  'Gather',
  'Squeeze',
  'Unsqueeze',
  'Reshape',
  'Identity',
  'Transpose',
]);

/**
 * The inputs that a network for streams is fed with what it kept of its last step: all that is done with them is to put
 * them in front of features, where a network for whole signals pads.
 */
function keptInputsOf(
  view: GraphView,
  inputs: readonly ValueId[],
  order: readonly NodeId[],
): ReadonlySet<ValueId> {
  const kept = new Set<ValueId>();
  if (inputs.length < 2) return kept;
  /** Values that are an input or cut out of one, with that input. */
  const pieces = new Map<ValueId, ValueId>(inputs.map((name) => [name, name]));
  const others = new Set<ValueId>();
  for (const node of order) {
    const proto = view.nodes[node];
    if (proto === undefined || SIZE_OPERATORS.has(proto.opType)) continue;
    const used = proto.input.filter((value) => pieces.has(value));
    if (used.length === 0) continue;
    const [whole] = used.map((value) => pieces.get(value)!);
    if (CUTS.has(proto.opType) && used[0] === proto.input[0] && whole !== undefined) {
      for (const value of proto.output) pieces.set(value, whole);
      continue;
    }
    const joins =
      proto.opType === 'Concat' &&
      proto.attribute.get('axis')?.i !== 1 &&
      proto.input.some((value) => view.producers.has(value) && !pieces.has(value));
    for (const value of used) (joins ? kept : others).add(pieces.get(value)!);
  }
  for (const name of others) kept.delete(name);
  return kept;
}
