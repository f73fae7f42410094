import { DataType, type DataTypeNumber } from '../../onnx/data-type.ts';
import type { Dim, NodeProto } from '../../onnx/model-file.ts';
import type { ValueType } from '../types.ts';
import { mergeDims, multiplyDims, type Shape } from './dims.ts';
import { intOf, intsOf, type Rule, type RuleTable, reshaped, sameRule, typeAt } from './rule.ts';
import { unwindowedDim, windowedDim, windowOf } from './window.ts';

/** A convolution of data [N, C, ...sizes] with weights [M, C / group, ...kernel] gives [N, M, ...sizes]. */
function convolved(node: NodeProto, data: Shape, weight: Shape): Shape {
  const kernel = kernelOf(node, weight);
  const rank = kernel === undefined ? data?.length : kernel.length + 2;
  if (rank === undefined || rank < 2) return undefined;
  // Data of another rank than the weights is nonsense, and the weights are in the file.
  const fitting = data?.length === rank ? data : undefined;
  const window = windowOf(node, rank - 2);
  const shape = [fitting?.[0], weight?.[0]];
  for (let axis = 0; axis < rank - 2; axis += 1)
    shape.push(
      window === undefined ? undefined : windowedDim(window, axis, fitting?.[axis + 2], kernel?.[axis]),
    );
  return shape;
}

/** A transposed convolution with weights [C, M / group, ...kernel] gives [N, M, ...sizes]. */
function deconvolved(node: NodeProto, data: Shape, weight: Shape): Shape {
  const kernel = kernelOf(node, weight);
  const rank = kernel === undefined ? data?.length : kernel.length + 2;
  if (rank === undefined || rank < 2) return undefined;
  const fitting = data?.length === rank ? data : undefined;
  const window = windowOf(node, rank - 2);
  const given = (intsOf(node, 'output_shape') ?? []).slice(2 - rank);
  const padding = intsOf(node, 'output_padding') ?? [];
  const sizes = Array.from({ length: rank - 2 }, (_, axis): Dim => {
    if (given.length === rank - 2) return given[axis];
    if (window === undefined) return undefined;
    return unwindowedDim(window, axis, fitting?.[axis + 2], kernel?.[axis], padding[axis] ?? 0);
  });
  return [fitting?.[0], multiplyDims([weight?.[1], intOf(node, 'group', 1)]), ...sizes];
}

/** The kernel's sizes: the weights know them, the attribute may be left out. */
function kernelOf(node: NodeProto, weight: Shape): readonly Dim[] | undefined {
  const attribute = intsOf(node, 'kernel_shape') ?? [];
  if (weight === undefined || weight.length < 2) return attribute.length > 0 ? attribute : undefined;
  return weight.slice(2).map((dim, axis) => mergeDims(dim, attribute[axis]));
}

const conv: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const weight = typeAt(inputs, 1);
  const dataType = data.dataType === DataType.UNDEFINED ? weight.dataType : data.dataType;
  return [{ dataType, shape: convolved(node, data.shape, weight.shape) }];
};

const convTranspose: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  return [reshaped(data, deconvolved(node, data.shape, typeAt(inputs, 1).shape))];
};

const convInteger: Rule = (node, inputs) => [
  { dataType: DataType.INT32, shape: convolved(node, typeAt(inputs, 0).shape, typeAt(inputs, 1).shape) },
];

/** Inputs: x, scale, zero point, w, scale, zero point, output's scale, zero point, bias. */
const qLinearConv: Rule = (node, inputs) => {
  const dataType = quantizedType(typeAt(inputs, 7), typeAt(inputs, 0));
  const data = typeAt(inputs, 0).shape;
  const weight = typeAt(inputs, 3).shape;
  if (intOf(node, 'channels_last', 0) === 0) return [{ dataType, shape: convolved(node, data, weight) }];
  const first = convolved(node, channelsFirst(data), weight);
  return [{ dataType, shape: channelsLast(first) }];
};

/** onnxruntime's own convolution over [N, ...sizes, C]. */
const nhwcConv: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  return [reshaped(data, channelsLast(convolved(node, channelsFirst(data.shape), typeAt(inputs, 1).shape)))];
};

/** The element type of a quantized output: that of its zero point. */
function quantizedType(zeroPoint: ValueType, data: ValueType): DataTypeNumber {
  return zeroPoint.dataType === DataType.UNDEFINED ? data.dataType : zeroPoint.dataType;
}

/** [N, ...sizes, C] as [N, C, ...sizes]. */
export function channelsFirst(shape: Shape): Shape {
  if (shape === undefined || shape.length < 2) return undefined;
  return [shape[0], shape.at(-1), ...shape.slice(1, -1)];
}

/** [N, C, ...sizes] as [N, ...sizes, C]. */
export function channelsLast(shape: Shape): Shape {
  if (shape === undefined || shape.length < 2) return undefined;
  return [shape[0], ...shape.slice(2), shape[1]];
}

/** Convolutions: the channels come from the weights, which are in the file. */
export const CONVOLUTION_RULES: RuleTable = {
  ...sameRule('', ['Conv', 'DeformConv'], conv),
  ':ConvTranspose': convTranspose,
  ':ConvInteger': convInteger,
  ':QLinearConv': qLinearConv,
  'com.microsoft:QLinearConv': qLinearConv,
  ...sameRule('com.microsoft', ['FusedConv', 'Conv'], conv),
  ...sameRule('com.microsoft', ['NhwcConv', 'NhwcFusedConv'], nhwcConv),
  ...sameRule('com.microsoft.nchwc', ['Conv'], conv),
  'com.ms.internal.nhwc:Conv': nhwcConv,
};
