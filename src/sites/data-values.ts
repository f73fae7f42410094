import { scalarOf } from '../graph/constants.ts';
import type { ValueTypes } from '../graph/types.ts';
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
 * what a stream kept of its last step, nor the masks that are made from lengths: none of them is a branch of a block.
 */
export function dataValuesOf(
  view: GraphView,
  types: ValueTypes,
  order: readonly NodeId[],
): readonly boolean[] {
  const { names, reads, writes, writers } = view.wires;
  const inputs = [...view.inputs.keys()].filter((name) => !view.initializers.has(name));
  const hasMaps = inputs.some((name) => !isNumber(types, name));
  const others = new Set([
    ...keptInputsOf(view, inputs, order),
    ...(hasMaps ? inputs.filter((name) => isNumber(types, name)) : []),
  ]);
  // What nothing defines is read from outside, as bodies do.
  const data = names.map(
    (name, value) =>
      value !== LEFT_OUT && writers[value] === -1 && !view.initializers.has(name) && !others.has(name),
  );
  for (const node of order) {
    const proto = view.nodes[node];
    const read = reads[node] ?? [];
    if (proto === undefined || SIZE_OPERATORS.has(proto.opType)) continue;
    // Zeros in the shape of something fill up channels.
    if (
      proto.opType === 'Mul' &&
      proto.input.some((name, at) => data[read[at] ?? LEFT_OUT] !== true && scalarOf(view, name) === 0)
    )
      continue;
    // A constant in the type of something, as onnxscript writes biases of zero, is no data for it.
    const source = proto.opType === 'CastLike' ? read.slice(0, 1) : read;
    if (!source.some((value) => data[value])) continue;
    const written = writes[node] ?? [];
    for (const value of proto.opType === 'DynamicQuantizeLinear' ? written.slice(0, 1) : written) {
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
