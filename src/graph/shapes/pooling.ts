import { DataType } from '../../onnx/data-type.ts';
import type { Dim, NodeProto } from '../../onnx/model-file.ts';
import { channelsFirst, channelsLast } from './convolution.ts';
import type { Shape } from './dims.ts';
import { hasInput, intOf, intsOf, type Rule, type RuleTable, reshaped, sameRule, typeAt } from './rule.ts';
import { unwindowedDim, windowedDim, windowOf } from './window.ts';

/** A pooling of [N, C, ...sizes] gives [N, C, ...smaller sizes]. */
function pooled(node: NodeProto, data: Shape): Shape {
  const kernel = intsOf(node, 'kernel_shape') ?? [];
  const rank = kernel.length > 0 ? kernel.length + 2 : data?.length;
  if (rank === undefined || rank < 2) return undefined;
  const fitting = data?.length === rank ? data : undefined;
  const window = windowOf(node, rank - 2);
  const rounding = intOf(node, 'ceil_mode', 0) === 0 ? 'floor' : 'ceil';
  const sizes = Array.from({ length: rank - 2 }, (_, axis) =>
    window === undefined ? undefined : windowedDim(window, axis, fitting?.[axis + 2], kernel[axis], rounding),
  );
  return [fitting?.[0], fitting?.[1], ...sizes];
}

/** The pooled data and, for MaxPool, where the maxima were: both [N, C, ...sizes]. */
const pool: Rule = (node, inputs) => {
  const shape = pooled(node, typeAt(inputs, 0).shape);
  return [reshaped(typeAt(inputs, 0), shape), { dataType: DataType.INT64, shape }];
};

const nhwcPool: Rule = (node, inputs) => [
  reshaped(typeAt(inputs, 0), channelsLast(pooled(node, channelsFirst(typeAt(inputs, 0).shape)))),
];

const qLinearPool: Rule = (node, inputs, context) =>
  intOf(node, 'channels_last', 0) === 0
    ? pool(node, inputs, context).slice(0, 1)
    : nhwcPool(node, inputs, context);

/** [N, C, ...sizes] gives [N, C, 1, ...]. */
const globalPool: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const last = intOf(node, 'channels_last', 0) !== 0 ? (data.shape?.length ?? 0) - 1 : 1;
  return [
    reshaped(
      data,
      data.shape?.map((dim, axis) => (axis === 0 || axis === last ? dim : 1)),
    ),
  ];
};

/** The inverse of MaxPool, from the pooled data, its indices and perhaps the wanted shape. */
const maxUnpool: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  if (hasInput(node, 2)) {
    return [reshaped(data, context.numbers(2)?.entries ?? data.shape?.map(() => undefined))];
  }
  const kernel = intsOf(node, 'kernel_shape') ?? [];
  const window = windowOf(node, kernel.length);
  const fitting = data.shape?.length === kernel.length + 2 ? data.shape : undefined;
  const sizes = kernel.map((size, axis) =>
    window === undefined ? undefined : unwindowedDim(window, axis, fitting?.[axis + 2], size, 0),
  );
  return [reshaped(data, [fitting?.[0], fitting?.[1], ...sizes])];
};

/** Regions [R, ...] of data [N, C, H, W] give [R, C, height, width]. */
const roiPool: Rule = (node, inputs) => {
  const pooledShape: readonly Dim[] = intsOf(node, 'pooled_shape') ?? [
    intOf(node, 'output_height', 1),
    intOf(node, 'output_width', 1),
  ];
  const data = typeAt(inputs, 0);
  return [reshaped(data, [typeAt(inputs, 1).shape?.[0], data.shape?.[1], ...pooledShape])];
};

/** Poolings, global ones and those over regions. */
export const POOLING_RULES: RuleTable = {
  ...sameRule('', ['MaxPool', 'AveragePool', 'LpPool'], pool),
  ...sameRule('', ['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'], globalPool),
  ':MaxUnpool': maxUnpool,
  ...sameRule('', ['MaxRoiPool', 'RoiAlign'], roiPool),
  'com.microsoft:NhwcMaxPool': nhwcPool,
  'com.microsoft:QLinearAveragePool': qLinearPool,
  'com.microsoft:QLinearGlobalAveragePool': globalPool,
  ...sameRule('com.microsoft.nchwc', ['MaxPool', 'AveragePool'], pool),
  ...sameRule('com.microsoft.nchwc', ['GlobalMaxPool', 'GlobalAveragePool'], globalPool),
  ...sameRule('com.ms.internal.nhwc', ['MaxPool', 'AveragePool'], nhwcPool),
};
