import { DataType } from '../../onnx/data-type.ts';
import type { Dim, NodeProto } from '../../onnx/model-file.ts';
import type { ValueType } from '../types.ts';
import { addDims, axisOf, mergeDims, unknownDims, withDims } from './dims.ts';
import {
  hasInput,
  intOf,
  intsOf,
  numbersOf,
  type Operand,
  operandOf,
  type Rule,
  type RuleTable,
  reshaped,
  typeAt,
  UNKNOWN,
} from './rule.ts';

/** Ends at or beyond this mean "to the end". */
const END = 2 ** 31 - 1;

const concat: Rule = (node, inputs) => [concatenated(inputs, intOf(node, 'axis', 1))];

/** Scale and zero point of the output, then data, scale and zero point of each input. */
const qLinearConcat: Rule = (node, inputs) => {
  const data = inputs.filter((_, input) => input >= 2 && input % 3 === 2);
  return [concatenated(data, intOf(node, 'axis', 1))];
};

/** Tensors joined along one axis; on the others, what one of them knows holds for all. */
function concatenated(types: readonly ValueType[], givenAxis: number): ValueType {
  const typed = types.find(({ dataType }) => dataType !== DataType.UNDEFINED) ?? UNKNOWN;
  const known = types.map(({ shape }) => shape).filter((shape) => shape !== undefined);
  const [first] = known;
  if (first === undefined) return reshaped(typed, undefined);
  const axis = axisOf(givenAxis, first.length);
  if (axis === undefined || known.some((shape) => shape.length !== first.length)) {
    return reshaped(typed, unknownDims(first.length));
  }
  const dims = [...first];
  for (const shape of known) for (const [at, dim] of shape.entries()) dims[at] = mergeDims(dims[at], dim);
  dims[axis] = types.reduce<Dim>((total, { shape }) => addDims(total, shape?.[axis]), 0);
  return reshaped(typed, dims);
}

const split: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  const axis = shape === undefined ? undefined : axisOf(intOf(node, 'axis', 0), shape.length);
  if (shape === undefined || axis === undefined)
    return node.output.map(() =>
      reshaped(
        data,
        shape?.map(() => undefined),
      ),
    );
  const sizes = operandOf(node, inputs, context, 'split', 1);
  const count = intOf(node, 'num_outputs', node.output.length);
  const whole = shape[axis];
  return node.output.map((_, output) => {
    const size =
      sizes.kind === 'known'
        ? sizes.entries[output]
        : sizes.kind === 'absent'
          ? chunk(whole, count, output)
          : undefined;
    return reshaped(data, withDims(shape, new Map([[axis, size]])));
  });
};

/** A sequence is given the type of its elements: what the parts of a value have in common. */
const splitToSequence: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  const axis = shape === undefined ? undefined : axisOf(intOf(node, 'axis', 0), shape.length);
  // Without sizes the parts are of one position, which may be taken away with their axis.
  if (shape === undefined || axis === undefined || !hasInput(node, 1)) return [reshaped(data, undefined)];
  const whole = shape[axis];
  const sizes = context.numbers(1)?.entries ?? [];
  const [size] = sizes;
  const equal =
    sizes.every((other) => other === size) &&
    (sizes.length > 1 || (typeof size === 'number' && typeof whole === 'number' && whole % size === 0));
  return [reshaped(data, withDims(shape, new Map([[axis, equal ? size : undefined]])))];
};

/** One of `count` equal parts; the last one is smaller where they cannot be equal (opset 18). */
function chunk(whole: Dim, count: number, index: number): Dim {
  if (count === 1) return whole;
  if (typeof whole !== 'number' || count < 1) return undefined;
  const size = Math.ceil(whole / count);
  return index === count - 1 ? whole - size * (count - 1) : size;
}

const slice: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  if (shape === undefined) return [data];
  const starts = operandOf(node, inputs, context, 'starts', 1);
  const ends = operandOf(node, inputs, context, 'ends', 2);
  const axes = operandOf(node, inputs, context, 'axes', 3);
  const steps = operandOf(node, inputs, context, 'steps', 4);
  const entries = (operand: Operand): readonly Dim[] | undefined =>
    operand.kind === 'known' ? operand.entries : undefined;
  const count = entries(starts)?.length ?? entries(ends)?.length ?? countOf(starts) ?? countOf(ends);
  const sliced =
    axes.kind !== 'absent'
      ? numbersOf(axes)
      : count === undefined
        ? undefined
        : [...shape.slice(0, count).keys()];
  const replaced = new Map<number, Dim>();
  for (const [at, given] of sliced?.entries() ?? []) {
    const axis = axisOf(given, shape.length);
    if (axis === undefined) return [reshaped(data, unknownDims(shape.length))];
    const step = steps.kind === 'absent' ? 1 : entries(steps)?.[at];
    replaced.set(axis, slicedDim(shape[axis], entries(starts)?.[at], entries(ends)?.[at], step));
  }
  return [reshaped(data, sliced === undefined ? unknownDims(shape.length) : withDims(shape, replaced))];
};

function countOf(operand: Operand): number | undefined {
  return operand.kind === 'unknown' ? operand.count : undefined;
}

/** How many entries of an axis a slice takes. */
export function slicedDim(size: Dim, start: Dim, end: Dim, step: Dim): Dim {
  if (typeof step !== 'number' || step === 0) return undefined;
  if (typeof size !== 'number') {
    const whole =
      step === 1 &&
      start === 0 &&
      ((typeof end === 'number' && end >= END) || (end !== undefined && end === size));
    const reversed = step === -1 && start === -1 && typeof end === 'number' && end <= -END;
    return whole || reversed ? size : undefined;
  }
  if (typeof start !== 'number' || typeof end !== 'number') return undefined;
  const { from, to } = sliceBounds(size, start, end, step);
  return Math.max(0, Math.ceil((to - from) / step));
}

/** Start and end of a slice as places in the axis, as ONNX clamps them. */
export function sliceBounds(
  size: number,
  start: number,
  end: number,
  step: number,
): { from: number; to: number } {
  const place = (index: number): number => (index < 0 ? index + size : index);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (index: number): number => Math.min(Math.max(index, low), high);
  // Python begins nowhere where a step backwards starts before the first entry; ONNX begins there.
  return size === 0 ? { from: 0, to: 0 } : { from: Math.max(0, clamp(place(start))), to: clamp(place(end)) };
}

const pad: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  if (shape === undefined) return [data];
  const attribute = node.attribute.has('paddings') ? 'paddings' : 'pads';
  const pads = operandOf(node, inputs, context, attribute, 1);
  const given = operandOf(node, inputs, context, 'axes', 3);
  const axes = given.kind === 'absent' ? shape.map((_, axis) => axis) : numbersOf(given);
  if (pads.kind !== 'known' || axes === undefined || pads.entries.length !== 2 * axes.length) {
    return [reshaped(data, unknownDims(shape.length))];
  }
  const replaced = new Map<number, Dim>();
  for (const [at, value] of axes.entries()) {
    const axis = axisOf(value, shape.length);
    if (axis === undefined) return [reshaped(data, unknownDims(shape.length))];
    replaced.set(axis, addDims(addDims(shape[axis], pads.entries[at]), pads.entries[at + axes.length]));
  }
  return [reshaped(data, withDims(shape, replaced))];
};

/** Removes a border of [N, C, H, W]; gone since opset 7, still met. */
const crop: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const [n, c, h, w] = data.shape ?? [];
  const [left = 0, top = 0, right = 0, bottom = 0] = intsOf(node, 'border') ?? [];
  const [height, width] = intsOf(node, 'scale') ?? [];
  return [reshaped(data, [n, c, height ?? addDims(h, -top - bottom), width ?? addDims(w, -left - right)])];
};

const gather: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const indices = typeAt(inputs, 1).shape;
  const axis = data.shape === undefined ? undefined : axisOf(intOf(node, 'axis', 0), data.shape.length);
  if (data.shape === undefined || indices === undefined || axis === undefined)
    return [reshaped(data, undefined)];
  return [reshaped(data, [...data.shape.slice(0, axis), ...indices, ...data.shape.slice(axis + 1)])];
};

const gatherElements: Rule = (_node, inputs) => [reshaped(typeAt(inputs, 0), typeAt(inputs, 1).shape)];

const gatherND: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const indices = typeAt(inputs, 1).shape;
  const depth = indices?.at(-1);
  if (data.shape === undefined || indices === undefined || typeof depth !== 'number')
    return [reshaped(data, undefined)];
  const tail = data.shape.slice(intOf(node, 'batch_dims', 0) + depth);
  return [reshaped(data, [...indices.slice(0, -1), ...tail])];
};

/** Sizes are given, or follow from scales. */
const resize: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  if (shape === undefined) return [data];
  const old = node.opType === 'Upsample' || context.opset < 11;
  const axes = (intsOf(node, 'axes') ?? shape.map((_, axis) => axis)).map((axis) =>
    axisOf(axis, shape.length),
  );
  const replaced = new Map<number, Dim>();
  const sizes = old || !hasInput(node, 3) ? undefined : (context.numbers(3)?.entries ?? []);
  const policy = node.attribute.get('keep_aspect_ratio_policy')?.s ?? 'stretch';
  const cropped = node.attribute.get('coordinate_transformation_mode')?.s === 'tf_crop_and_resize';
  const scales = writtenScales(node) ?? context.numbers(old ? 1 : 2)?.entries ?? [];
  for (const [at, axis] of axes.entries()) {
    if (axis === undefined) return [reshaped(data, unknownDims(shape.length))];
    if (sizes !== undefined) replaced.set(axis, policy === 'stretch' ? sizes[at] : undefined);
    else replaced.set(axis, cropped ? undefined : scaledDim(shape[axis], scales[at]));
  }
  return [reshaped(data, withDims(shape, replaced))];
};

/** Scales that are attributes, as Upsample has them below opset 9: of all axes, or at first of height and width. */
export function writtenScales({ attribute }: NodeProto): readonly number[] | undefined {
  const [height, width] = [attribute.get('height_scale'), attribute.get('width_scale')];
  if (height === undefined && width === undefined) return attribute.get('scales')?.floats;
  return [1, 1, height?.f ?? 1, width?.f ?? 1];
}

/** Scales are float32, and so is the product in onnxruntime. */
function scaledDim(size: Dim, scale: Dim): Dim {
  if (scale === 1) return size;
  if (typeof size !== 'number' || typeof scale !== 'number') return undefined;
  return Math.floor(Math.fround(size * Math.fround(scale)));
}

/** Operators that take parts of tensors, join or pad them. */
export const SLICING_RULES: RuleTable = {
  ':Concat': concat,
  'com.microsoft:QLinearConcat': qLinearConcat,
  ':Split': split,
  ':SplitToSequence': splitToSequence,
  ':SequenceAt': (_, inputs) => [typeAt(inputs, 0)],
  ':Slice': slice,
  ':Pad': pad,
  ':Crop': crop,
  ':Gather': gather,
  ':GatherElements': gatherElements,
  ':GatherND': gatherND,
  ':Resize': resize,
  ':Upsample': resize,
  'com.microsoft.nchwc:Upsample': resize,
};
