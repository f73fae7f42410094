import type { Dim, NodeProto } from '../onnx/model-file.ts';
import { constantNumbers } from './partial-values.ts';
import { axesOf, axisOf, type Shape } from './shapes/dims.ts';
import { intOf, intsOf } from './shapes/rule.ts';
import { writtenScales } from './shapes/slicing.ts';
import type { GraphView } from './view.ts';

/**
 * Strides of a value by axis: 0 where an axis is no axis of the image, nothing where it cannot be told.
 *
 * An empty list stands for an image whose rank is not known.
 */
export type AxisStrides = readonly (number | undefined)[];

/** An image whose strides cannot be told, and not even its rank. */
const UNTOLD: AxisStrides = [undefined];

/** What a rule works from. */
export interface StrideOperands {
  readonly view: GraphView;
  readonly node: NodeProto;
  /** Strides of the inputs; nothing for weights and whatever else does not come from an image. */
  readonly inputs: readonly (AxisStrides | undefined)[];
  readonly shapes: readonly Shape[];
  /** Shape of the output. */
  readonly output: Shape;
}

/** Tells an output's strides; nothing where it is not made from an image. */
type StrideRule = (operands: StrideOperands) => AxisStrides | undefined;

/** The rule of an operator. Domains do not matter: onnxruntime's variants are named like the originals. */
export function strideRuleOf(opType: string): StrideRule {
  return RULES.get(opType) ?? aligned;
}

/** Strides of the first input for an output of that rank: 1 where nothing has come between it and the image. */
function dataOf({ inputs }: StrideOperands, rank: number | undefined): AxisStrides | undefined {
  const [data] = inputs;
  if (data === undefined || rank === undefined || data.length === rank) return data;
  return new Array<number | undefined>(rank).fill(data.length === 0 ? 1 : undefined);
}

/** Convolutions and poolings of [N, C, ...]: the spatial axes by the strides, the others are none. */
function windowed(scale: (stride: number, step: number) => number): StrideRule {
  return (operands) => {
    const { node, output } = operands;
    const steps = intsOf(node, 'strides') ?? [];
    const first = node.opType.startsWith('Nhwc') || intOf(node, 'channels_last', 0) !== 0 ? 1 : 2;
    const rank = output?.length ?? (steps.length > 0 ? steps.length + 2 : undefined);
    return dataOf(operands, rank)?.map((stride, axis, { length }) => {
      const spatial = axis - first;
      if (spatial < 0 || spatial >= length - 2) return 0;
      const step = steps[spatial] ?? 1;
      if (stride === undefined || step < 1) return stride;
      // A window that goes over an axis shows that it is one of the image, but for the single position of a gate.
      if (stride === 0) return output?.[axis] === 1 ? 0 : scale(1, step);
      return scale(stride, step);
    });
  };
}

/** [N, C, ...] to one position each. */
const collapsed: StrideRule = (operands) => dataOf(operands, operands.output?.length)?.map(() => 0);

/** Blocks of pixels to channels, or back. */
function blocked(scale: (stride: number, block: number) => number): StrideRule {
  return (operands) => {
    const block = intOf(operands.node, 'blocksize', 1);
    return dataOf(operands, operands.output?.length)?.map((stride, axis) =>
      axis < 2 || stride === undefined || block < 1 ? stride : scale(stride, block),
    );
  };
}

const transposed: StrideRule = (operands) => {
  const data = dataOf(operands, operands.output?.length);
  if (data === undefined) return undefined;
  const perm = intsOf(operands.node, 'perm') ?? data.map((_, axis) => data.length - 1 - axis);
  if (axesOf(perm, data.length) === undefined) return data.map(() => undefined);
  return perm.map((axis) => data[axis]);
};

/** Scales are told by the operator; sizes tell them where they are known, before and after. */
const resized: StrideRule = (operands) => {
  const { view, node, output } = operands;
  const old = node.opType === 'Upsample' || view.opset < 11;
  const scales = writtenScales(node) ?? numbersOf(view, node.input[old ? 1 : 2]) ?? [];
  const axes = intsOf(node, 'axes');
  return dataOf(operands, output?.length)?.map((stride, axis, { length }) => {
    const scale =
      axes === undefined ? scales[axis] : scales[axes.findIndex((at) => axisOf(at, length) === axis)];
    if (stride === undefined || stride === 0) return stride;
    if (scale !== undefined && scale > 0) return stride / scale;
    if (axes !== undefined && axesOf(axes, length)?.has(axis) === false) return stride;
    const told = bySizes(stride, operands.shapes[0]?.[axis], output?.[axis]);
    // An image of any size that is brought to the network's own is still the image.
    return told ?? (stride === 1 ? 1 : undefined);
  });
};

/** A stride changes as the size does. */
function bySizes(stride: number, before: Dim, after: Dim): number | undefined {
  if (before !== undefined && before === after) return stride;
  const known = typeof before === 'number' && typeof after === 'number' && before > 0 && after > 0;
  return known ? (stride * before) / after : undefined;
}

/** Slices that leave positions out stand for more of the input each; crops do not. */
const sliced: StrideRule = (operands) => {
  const { view, node } = operands;
  const data = dataOf(operands, operands.output?.length);
  const steps = numbersOf(view, node.input[4]);
  if (data === undefined || steps === undefined) return data;
  const axes = numbersOf(view, node.input[3]) ?? [...steps.keys()];
  const result = [...data];
  for (const [at, given] of [...axes].entries()) {
    const axis = axisOf(given, data.length);
    const [stride, step] = [axis === undefined ? undefined : data[axis], Math.abs(steps[at] ?? 1)];
    if (axis !== undefined && stride !== undefined && step > 0) result[axis] = stride * step;
  }
  return result;
};

/** Axes that are reduced are no more. */
const reduced: StrideRule = (operands) => {
  const { view, node, output } = operands;
  const data = operands.inputs[0];
  if (data === undefined) return undefined;
  const single = node.opType.startsWith('Arg') ? [intOf(node, 'axis', 0)] : undefined;
  const given = single ?? intsOf(node, 'axes') ?? numbersOf(view, node.input[1]);
  const axes = given === undefined ? new Set(data.keys()) : axesOf([...given], data.length);
  if (axes === undefined) return output?.map(() => undefined) ?? UNTOLD;
  if (intOf(node, 'keepdims', 1) !== 0) return data.map((stride, axis) => (axes.has(axis) ? 0 : stride));
  return data.filter((_, axis) => !axes.has(axis));
};

/** Rows of the left operand, columns of the right one. */
const multiplied: StrideRule = ({ inputs: [left, right], shapes, output }) => {
  if (left === undefined && right === undefined) return undefined;
  const rank = output?.length ?? left?.length ?? 0;
  const result = new Array<number | undefined>(rank).fill(0);
  const take = (strides: AxisStrides | undefined, shape: Shape, own: number): void => {
    if (strides === undefined || strides.length < 2) return;
    for (const [axis, stride] of strides.entries()) {
      const isOwn = axis === strides.length + own;
      const at = axis + rank - strides.length;
      // Batch axes, and of the last two the operand's own.
      if (at >= 0 && (isOwn || axis < strides.length - 2))
        result[at] = larger(result[at], shape?.[axis] === 1 ? 0 : stride);
    }
  };
  take(left, shapes[0], -2);
  take(right, shapes[1], -1);
  return result;
};

/** Nothing beats what is known. */
function larger(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a || b;
  return Math.max(a, b);
}

/** Inputs aligned at the last axis, as broadcasting has it; an axis that is stretched has no say. */
const aligned: StrideRule = ({ inputs, shapes, output }) => {
  const images = inputs.filter((strides) => strides !== undefined);
  const [first] = images;
  if (first === undefined) return undefined;
  // Mostly one image goes through as it is.
  if (images.length === 1 && first.length === output?.length && shapes[inputs.indexOf(first)] === output)
    return first;
  const rank = output?.length ?? Math.max(...images.map(({ length }) => length));
  if (!images.some(({ length }) => length === rank || length === 0))
    return new Array<undefined>(rank).fill(undefined);
  const result = new Array<number | undefined>(rank).fill(0);
  inputs.forEach((strides, input) => {
    if (strides === undefined) return;
    const shape = shapes[input];
    for (let axis = 0; axis < rank; axis += 1) {
      const at = strides.length === 0 ? axis : axis - rank + strides.length;
      if (at < 0) continue;
      const stride = strides.length === 0 ? 1 : strides[at];
      const before = shape?.[at];
      const after = output?.[axis];
      if (before === 1 && after !== 1) continue;
      const known = typeof before === 'number' && typeof after === 'number' && stride !== undefined;
      result[axis] = larger(result[axis], known ? bySizes(stride, before, after) : stride);
    }
  });
  return result;
};

/** Joined, split, padded: sizes change and strides do not. */
const kept: StrideRule = ({ inputs, output }) => {
  const images = inputs.filter((strides) => strides !== undefined);
  const rank = output?.length ?? images[0]?.length;
  const fitting = images.filter((strides) => strides.length === rank);
  if (images.length === 0 || rank === undefined) return undefined;
  if (fitting.length === 0) return new Array<undefined>(rank).fill(undefined);
  return Array.from({ length: rank }, (_, axis) =>
    fitting.map((strides) => strides[axis]).reduce((all, stride) => larger(all, stride), 0),
  );
};

/** A table's rows for words: places stay, and what each row holds is channels. */
const embedded: StrideRule = ({ inputs: [, words], output }) =>
  words === undefined ? undefined : output?.map((_, axis) => words[axis] ?? 0);

/** An axis is gone where the index is a scalar. */
const gathered: StrideRule = (operands) => {
  const [data] = operands.inputs;
  const rank = operands.shapes[1]?.length;
  const axis = data === undefined ? undefined : axisOf(intOf(operands.node, 'axis', 0), data.length);
  if (data === undefined) return embedded(operands);
  if (axis === undefined) return data;
  if (rank === undefined) return operands.output?.map(() => undefined) ?? UNTOLD;
  return data.toSpliced(
    axis,
    1,
    ...new Array<number | undefined>(Math.min(rank, data.length)).fill(rank === 1 ? data[axis] : 0),
  );
};

/** The same entries under other axes: equal ones are found from both ends, the rest is told by its sizes. */
const relabelled: StrideRule = ({ inputs: [data], shapes: [before], output: after }) => {
  if (data === undefined) return undefined;
  if (after === undefined) return UNTOLD;
  if (before === undefined || data.length !== before.length) return after.map(() => undefined);
  const same = (a: number, b: number): boolean => before[a] === after[b];
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && same(head, head)) head += 1;
  let tail = 0;
  while (tail < most - head && same(before.length - 1 - tail, after.length - 1 - tail)) tail += 1;
  const result: (number | undefined)[] = after.map(
    (_, axis) => data[axis < head ? axis : axis - after.length + data.length],
  );
  const inner = regrouped(
    { sizes: before.slice(head, before.length - tail), strides: data.slice(head, data.length - tail) },
    after.slice(head, after.length - tail),
  );
  for (const [at, stride] of inner.entries()) result[head + at] = stride;
  return result;
};

interface Axes {
  readonly sizes: readonly Dim[];
  readonly strides: AxisStrides;
}

/** Axes merged and split: runs of them with equal products belong together. */
function regrouped(before: Axes, after: readonly Dim[]): AxisStrides {
  const result: (number | undefined)[] = [];
  let [from, to] = [0, 0];
  while (to < after.length) {
    let [fromEnd, toEnd] = [from, to + 1];
    let left = 1;
    let right = after[to];
    while (typeof right === 'number' && left !== right) {
      const next: Dim = left < right ? before.sizes[fromEnd++] : after[toEnd++];
      if (typeof next !== 'number') right = undefined;
      else if (left < right) left *= next;
      else right *= next;
    }
    if (right === undefined || typeof right === 'string')
      [fromEnd, toEnd] = [before.sizes.length, after.length];
    const group = { sizes: before.sizes.slice(from, fromEnd), strides: before.strides.slice(from, fromEnd) };
    result.push(...after.slice(to, toEnd).map(() => strideOfGroup(group, toEnd - to)));
    [from, to] = [fromEnd, toEnd];
  }
  return result;
}

function strideOfGroup({ sizes, strides }: Axes, count: number): number | undefined {
  const largest = strides.reduce((all, stride) => larger(all, stride), 0);
  const spatial = strides.filter((stride) => stride !== 0).length;
  if (spatial !== 1 || count !== 1 || largest === undefined) return largest;
  // An axis of the image that takes channels in has that many more positions (pixel shuffle).
  const channels = sizes
    .filter((_, axis) => strides[axis] === 0)
    .reduce<number>((all, size) => (typeof size === 'number' ? all * size : all), 1);
  return channels > 0 ? largest / channels : largest;
}

function numbersOf(view: GraphView, value: string | undefined): readonly number[] | undefined {
  const entries = value === undefined ? undefined : constantNumbers(view, value)?.entries;
  const numbers = entries?.filter((entry) => typeof entry === 'number');
  return numbers?.length === entries?.length ? numbers : undefined;
}

const times = (stride: number, step: number): number => stride * step;
const dividedBy = (stride: number, step: number): number => stride / step;

/** What a body does cannot be told; before anything has strided, it prepares the image, and gives one. */
const bodied: StrideRule = ({ inputs, output }) => {
  const images = inputs.filter((strides) => strides !== undefined);
  const prepares = images.length > 0 && images.every((strides) => strides.every((stride) => stride === 1));
  return output?.map(() => (prepares ? 1 : undefined)) ?? (prepares ? [] : UNTOLD);
};

const CONVOLUTIONS = [
  'Conv',
  'ConvInteger',
  'QLinearConv',
  'FusedConv',
  'NhwcConv',
  'NhwcFusedConv',
  'DeformConv',
];
const POOLS = ['MaxPool', 'AveragePool', 'LpPool', 'NhwcMaxPool', 'QLinearAveragePool'];
const GLOBAL_POOLS = [
  'GlobalAveragePool',
  'GlobalMaxPool',
  'GlobalLpPool',
  'QLinearGlobalAveragePool',
  'RoiAlign',
  'MaxRoiPool',
];
const REDUCTIONS = ['Mean', 'Sum', 'Max', 'Min', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'];

function each(opTypes: readonly string[], rule: StrideRule): readonly (readonly [string, StrideRule])[] {
  return opTypes.map((opType) => [opType, rule]);
}

const RULES: ReadonlyMap<string, StrideRule> = new Map([
  ...each([...CONVOLUTIONS, ...POOLS], windowed(times)),
  ...each(['ConvTranspose', 'MaxUnpool'], windowed(dividedBy)),
  ...each(GLOBAL_POOLS, collapsed),
  ...each([...REDUCTIONS.map((name) => `Reduce${name}`), 'ArgMax', 'ArgMin'], reduced),
  ...each(['SpaceToDepth'], blocked(times)),
  ...each(['DepthToSpace'], blocked(dividedBy)),
  ...each(['Resize', 'Upsample'], resized),
  ...each(['Transpose'], transposed),
  ...each(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'], relabelled),
  ...each(['Slice'], sliced),
  ...each(['Gather'], gathered),
  ...each(['Concat', 'QLinearConcat', 'Split', 'SplitToSequence', 'SequenceAt', 'Pad', 'Crop'], kept),
  ...each(
    ['MatMul', 'Gemm', 'FusedMatMul', 'FusedGemm', 'MatMulInteger', 'MatMulIntegerToFloat'],
    multiplied,
  ),
  ...each(['If', 'Loop', 'Scan'], bodied),
  // These tell of a tensor and hold nothing of it.
  ...each(['Shape', 'Size', 'NonZero', 'NonMaxSuppression', 'Constant'], () => undefined),
]);
