import { DataType } from '../../onnx/data-type.ts';
import type { Dim } from '../../onnx/model-file.ts';
import { axisOf, mergeDims, type Shape } from './dims.ts';
import { intOf, type Rule, type RuleTable, reshaped, sameRule, typeAt } from './rule.ts';

/** The channels of [N, C, ...] are as many as the scale has. */
function withChannels(data: Shape, scale: Shape): Shape {
  const channels: Dim = scale?.length === 1 ? scale[0] : undefined;
  if (typeof data?.[1] === 'number') return data;
  return data?.map((dim, axis) => (axis === 1 ? mergeDims(dim, channels) : dim));
}

/** The data, and in training the running mean and variance [C]. */
const batchNormalization: Rule = (_node, inputs) => {
  const data = typeAt(inputs, 0);
  const perChannel = typeAt(inputs, 3);
  return [
    reshaped(data, withChannels(data.shape, typeAt(inputs, 1).shape)),
    perChannel,
    perChannel,
    perChannel,
    perChannel,
  ];
};

const instanceNormalization: Rule = (_node, inputs) => {
  const data = typeAt(inputs, 0);
  return [reshaped(data, withChannels(data.shape, typeAt(inputs, 1).shape))];
};

/** The data, and mean and inverse deviation with the normalized axes at 1. */
const layerNormalization: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  const first = shape === undefined ? undefined : axisOf(intOf(node, 'axis', -1), shape.length);
  const kept = first === undefined ? undefined : shape?.map((dim, axis) => (axis < first ? dim : 1));
  const statistics = { dataType: intOf(node, 'stash_type', DataType.FLOAT), shape: kept };
  return [data, statistics, statistics];
};

/** Data and skip are added and normalized; the last output is the sum. */
const skipLayerNormalization: Rule = (_node, inputs) => {
  const data = typeAt(inputs, 0);
  const statistics = { dataType: DataType.FLOAT, shape: undefined };
  return [data, statistics, statistics, data];
};

const sameShape: Rule = (_node, inputs) => [typeAt(inputs, 0)];

/** Normalizations keep the shape of their data. */
export const NORMALIZATION_RULES: RuleTable = {
  ':BatchNormalization': batchNormalization,
  ':InstanceNormalization': instanceNormalization,
  ...sameRule(
    '',
    ['LayerNormalization', 'SimplifiedLayerNormalization', 'RMSNormalization'],
    layerNormalization,
  ),
  ...sameRule('', ['GroupNormalization', 'LpNormalization', 'MeanVarianceNormalization', 'LRN'], sameShape),
  ...sameRule(
    'com.microsoft',
    ['SkipLayerNormalization', 'SkipSimplifiedLayerNormalization'],
    skipLayerNormalization,
  ),
  ...sameRule('com.microsoft', ['GroupNorm', 'SkipGroupNorm'], sameShape),
};
