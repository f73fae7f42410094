import { type Constant, constantOf } from '../graph/constants.ts';
import type { ValueTypes } from '../graph/types.ts';
import type { GraphView, ValueId } from '../graph/view.ts';
import { DataType } from '../onnx/data-type.ts';
import type { NodeProto } from '../onnx/model-file.ts';

/** What a site finder has to know of a node that multiplies its input by weights. */
export interface Convolution {
  /** Whether it slides over positions (`conv`), goes back up (`transposed`) or mixes the last axis (`matmul`). */
  readonly form: 'conv' | 'transposed' | 'matmul';
  readonly data: ValueId;
  /** Sizes of the kernel; empty for a matrix product, nothing where they cannot be told. */
  readonly kernel: readonly number[] | undefined;
  readonly strides: readonly number[];
  readonly dilated: boolean;
  readonly group: number;
  readonly inChannels: number | undefined;
  readonly outChannels: number | undefined;
  /** Each channel by itself: the group is the number of input channels. */
  readonly depthwise: boolean;
  /** Kernel of one position, not depthwise. */
  readonly pointwise: boolean;
  /** The axis of the channels that it gives, from the end where negative. */
  readonly channelAxis: number;
  /** The activation that onnxruntime's optimizer has fused into it. */
  readonly fusedActivation: boolean;
  /** The second operand of an Add that onnxruntime's optimizer has fused into it. */
  readonly fusedSum: ValueId | undefined;
  /** onnxruntime's blocked layout, which has no plain channel axis. */
  readonly blocked: boolean;
}

/** Domains in which onnxruntime keeps its own convolutions. */
const MICROSOFT = 'com.microsoft';
const BLOCKED = 'com.microsoft.nchwc';
const INTERNAL_NHWC = 'com.ms.internal.nhwc';

/** Places of data and weights among the inputs, by operator. */
const CONVOLUTIONS: ReadonlyMap<string, readonly [data: number, weights: number]> = new Map([
  ['Conv', [0, 1]],
  ['ConvInteger', [0, 1]],
  ['QLinearConv', [0, 3]],
  ['FusedConv', [0, 1]],
  ['NhwcConv', [0, 1]],
  ['NhwcFusedConv', [0, 1]],
  ['ConvTranspose', [0, 1]],
]);

const PRODUCTS: ReadonlyMap<string, readonly [data: number, weights: number]> = new Map([
  ['MatMul', [0, 1]],
  ['Gemm', [0, 1]],
  ['MatMulInteger', [0, 1]],
  ['QLinearMatMul', [0, 3]],
  ['QGemm', [0, 3]],
  ['FusedGemm', [0, 1]],
  ['FusedMatMul', [0, 1]],
  ['MatMulNBits', [0, 1]],
  ['DynamicQuantizeMatMul', [0, 1]],
  ['MatMulIntegerToFloat', [0, 1]],
]);

/** Whether an operator is a convolution or fully connected layer. */
export function isConvolution(opType: string): boolean {
  return CONVOLUTIONS.has(opType) || PRODUCTS.has(opType);
}

/** Whether an operator is a product of matrices. */
export function isMatrixProduct(opType: string): boolean {
  return PRODUCTS.has(opType);
}

/** Whether {@link readConvolution} may give something for an operator. */
export function mayBeConvolution(opType: string): boolean {
  return isConvolution(opType) || opType === 'Einsum';
}

/**
 * Reads a node as a convolution with weights, or gives nothing.
 *
 * `isData` tells whether an input is data. A convolution of two data values (a cross-correlation, as trackers have) has no weights and is none.
 */
export function readConvolution(
  view: GraphView,
  types: ValueTypes,
  node: NodeProto,
  isData: (input: number) => boolean,
): Convolution | undefined {
  const places = CONVOLUTIONS.get(node.opType);
  if (places !== undefined) return readSliding(view, types, node, isData, places);
  if (node.opType === 'Einsum') return readEinsum(view, types, node, isData);
  const product = PRODUCTS.get(node.opType);
  return product === undefined ? undefined : readProduct(view, types, node, isData, product);
}

function readSliding(
  view: GraphView,
  types: ValueTypes,
  node: NodeProto,
  isData: (input: number) => boolean,
  [dataAt, weightsAt]: readonly [number, number],
): Convolution | undefined {
  const data = node.input[dataAt];
  const weights = node.input[weightsAt];
  if (data === undefined || weights === undefined || isData(weightsAt)) return undefined;
  const dims = dimsOf(view, types, weights);
  const group = node.attribute.get('group')?.i ?? 1;
  const channelsLast =
    node.opType.startsWith('Nhwc') ||
    node.domain === INTERNAL_NHWC ||
    (node.attribute.get('channels_last')?.i ?? 0) === 1;
  const written = node.attribute.get('kernel_shape')?.ints;
  // onnxruntime's convolutions with channels last have their weights as all others: M, C / group, kernel...
  const kernel = written !== undefined && written.length > 0 ? written : dims?.slice(2);
  const transposed = node.opType === 'ConvTranspose';
  const perGroup = dims?.[1];
  const inChannels = transposed ? dims?.[0] : perGroup === undefined ? undefined : perGroup * group;
  const outChannels = transposed ? (perGroup === undefined ? undefined : perGroup * group) : dims?.[0];
  const depthwise = group > 1 && inChannels === group;
  const strides = node.attribute.get('strides')?.ints ?? [];
  return {
    form: transposed && strides.some((stride) => stride > 1) ? 'transposed' : 'conv',
    data,
    kernel,
    strides,
    dilated: (node.attribute.get('dilations')?.ints ?? []).some((dilation) => dilation > 1),
    group,
    inChannels,
    outChannels,
    depthwise,
    pointwise: !depthwise && kernel !== undefined && kernel.every((size) => size === 1),
    channelAxis: channelsLast ? -1 : 1,
    fusedActivation:
      (node.attribute.get('activation')?.s ?? '') !== '' ||
      (node.opType === 'QLinearConv' && startsAtZero(constantOf(view, node.input[7] ?? ''))),
    fusedSum: node.domain === MICROSOFT || node.domain === BLOCKED ? fusedSum(node) : undefined,
    blocked: node.domain === BLOCKED,
  };
}

function fusedSum(node: NodeProto): ValueId | undefined {
  const sum = node.opType === 'QLinearConv' ? undefined : node.input[3];
  return sum === '' ? undefined : sum;
}

function readProduct(
  view: GraphView,
  types: ValueTypes,
  node: NodeProto,
  isData: (input: number) => boolean,
  [dataAt, weightsAt]: readonly [number, number],
): Convolution | undefined {
  const data = node.input[dataAt];
  const weights = node.input[weightsAt];
  if (data === undefined || weights === undefined) return undefined;
  if (node.opType === 'MatMul' && isData(weightsAt) && !isData(dataAt)) {
    const [outChannels, inChannels, ...more] = dimsOf(view, types, data) ?? [];
    // One matrix of weights from the left: channels are rows.
    return more.length > 0
      ? undefined
      : { ...PRODUCT, data: weights, inChannels, outChannels, channelAxis: -2 };
  }
  if (!isData(dataAt) || isData(weightsAt)) return undefined;
  const dims = dimsOf(view, types, weights);
  const turned = (node.attribute.get('transB')?.i ?? 0) === 1;
  const [rows, columns] = [dims?.at(-2), dims?.at(-1)];
  return {
    ...PRODUCT,
    data,
    inChannels: turned ? columns : rows,
    outChannels: turned ? rows : columns,
    fusedActivation: (node.attribute.get('activation')?.s ?? '') !== '',
  };
}

/** What is so of every product of a map with a matrix of weights. */
const PRODUCT: Omit<Convolution, 'data' | 'inChannels' | 'outChannels'> = {
  form: 'matmul',
  kernel: [],
  strides: [],
  dilated: false,
  group: 1,
  depthwise: false,
  pointwise: true,
  channelAxis: -1,
  fusedActivation: false,
  fusedSum: undefined,
  blocked: false,
};

/** An Einsum that sums one axis of the data against weights, and has another one in its place. */
function readEinsum(
  view: GraphView,
  types: ValueTypes,
  node: NodeProto,
  isData: (input: number) => boolean,
): Convolution | undefined {
  const dataAt = [0, 1].find(isData);
  if (node.input.length !== 2 || dataAt === undefined || isData(1 - dataAt)) return undefined;
  const [left = '', out = ''] = (node.attribute.get('equation')?.s ?? '').replaceAll(/\s/g, '').split('->');
  const terms = left.split(',');
  const [from, by] = [terms[dataAt] ?? '', terms[1 - dataAt] ?? ''];
  const summed = [...by].filter((letter) => from.includes(letter) && !out.includes(letter));
  const given = [...by].filter((letter) => out.includes(letter) && !from.includes(letter));
  const [before = '', after = ''] = [...summed, ...given];
  if (by.length !== 2 || summed.length !== 1 || given.length !== 1) return undefined;
  // Behind an ellipsis, letters count from the end.
  const channelAxis = out.indexOf(after) - out.length;
  if (out.lastIndexOf('.') > out.indexOf(after)) return undefined;
  const dims = dimsOf(view, types, node.input[1 - dataAt] ?? '');
  return {
    ...PRODUCT,
    data: node.input[dataAt] ?? '',
    inChannels: dims?.[by.indexOf(before)],
    outChannels: dims?.[by.indexOf(after)],
    channelAxis,
  };
}

/** Whether a zero point is the least number of its type, so that nothing below zero can be written. */
export function startsAtZero(zeroPoint: Constant | undefined): boolean {
  if (zeroPoint === undefined) return false;
  const least = LEAST.get(zeroPoint.dataType);
  return least !== undefined && zeroPoint.numbers?.every((number) => number === least) === true;
}

const LEAST: ReadonlyMap<number, number> = new Map([
  [DataType.UINT8, 0],
  [DataType.INT8, -128],
  [DataType.UINT16, 0],
  [DataType.INT16, -32768],
]);

/** Sizes of a weight: as written where it is a constant, else as inferred (weights that are computed or faked). */
function dimsOf(view: GraphView, types: ValueTypes, weights: ValueId): readonly number[] | undefined {
  const constant = constantOf(view, weights);
  if (constant !== undefined) return constant.dims;
  const shape = types.get(weights)?.shape;
  if (shape === undefined) return undefined;
  const dims = shape.filter((dim) => typeof dim === 'number');
  return dims.length === shape.length ? dims : undefined;
}

/** Whether a convolution moves over positions at a stride. */
export function isStrided({ strides }: Convolution): boolean {
  return strides.some((stride) => stride > 1);
}

/** The largest size of the kernel; 1 where it cannot be told. */
export function kernelSize({ kernel }: Convolution): number {
  return kernel?.reduce((most, size) => Math.max(most, size), 1) ?? 1;
}
