import { DataType, type DataTypeNumber } from '../../onnx/data-type.ts';
import type { NodeProto } from '../../onnx/model-file.ts';
import type { ValueType } from '../types.ts';
import { axisOf, unknownDims } from './dims.ts';
import { intOf, intsOf, type Rule, type RuleTable, retyped, sameRule, typeAt, UNKNOWN } from './rule.ts';

/** The type of a Constant node's value, whichever attribute holds it. */
function constantType(node: NodeProto): ValueType {
  for (const { name, t, floats, ints, strings, elided } of node.attribute.values()) {
    const list = (dataType: DataTypeNumber, count: number): ValueType => ({
      dataType,
      shape: [elided ? undefined : count],
    });
    switch (name) {
      case 'value':
        return t === undefined ? UNKNOWN : { dataType: t.dataType, shape: t.dims };
      case 'value_float':
        return { dataType: DataType.FLOAT, shape: [] };
      case 'value_int':
        return { dataType: DataType.INT64, shape: [] };
      case 'value_string':
        return { dataType: DataType.STRING, shape: [] };
      case 'value_floats':
        return list(DataType.FLOAT, floats.length);
      case 'value_ints':
        return list(DataType.INT64, ints.length);
      case 'value_strings':
        return list(DataType.STRING, strings.length);
    }
  }
  return UNKNOWN;
}

/** A tensor of the shape that the input says. */
const constantOfShape: Rule = (node, inputs, context) => {
  const dataType = node.attribute.get('value')?.t?.dataType ?? DataType.FLOAT;
  const shape = context.numbers(0)?.entries ?? unknownDims(typeAt(inputs, 0).shape?.[0]);
  return [{ dataType, shape }];
};

const shapeOf: Rule = (node, inputs) => {
  const rank = typeAt(inputs, 0).shape?.length;
  if (rank === undefined) return [{ dataType: DataType.INT64, shape: [undefined] }];
  const place = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const count = place(intOf(node, 'end', rank)) - place(intOf(node, 'start', 0));
  return [{ dataType: DataType.INT64, shape: [Math.max(0, count)] }];
};

const range: Rule = (_node, inputs, context) => {
  const [start, limit, delta] = [0, 1, 2].map((input) => context.numbers(input)?.entries[0]);
  const known =
    typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number' && delta !== 0;
  const whole = start === 0 && delta === 1 && typeof limit === 'string';
  const count = known ? Math.max(0, Math.ceil((limit - start) / delta)) : whole ? limit : undefined;
  return [{ dataType: typeAt(inputs, 0).dataType, shape: [count] }];
};

/** Indices stretched to a one-hot axis; the values say the element type. */
const oneHot: Rule = (node, inputs, context) => {
  const indices = typeAt(inputs, 0).shape;
  const { dataType } = typeAt(inputs, 2);
  const axis = indices === undefined ? undefined : axisOf(intOf(node, 'axis', -1), indices.length + 1);
  if (indices === undefined || axis === undefined) return [{ dataType, shape: undefined }];
  return [{ dataType, shape: indices.toSpliced(axis, 0, context.numbers(1)?.entries[0]) }];
};

const random: Rule = (node) => [
  { dataType: intOf(node, 'dtype', DataType.FLOAT), shape: intsOf(node, 'shape') },
];

const randomLike: Rule = (node, inputs) => [
  retyped(typeAt(inputs, 0), intOf(node, 'dtype', typeAt(inputs, 0).dataType)),
];

/** Indices of what is not zero: as many rows as there are axes. */
const nonZero: Rule = (_node, inputs) => [
  { dataType: DataType.INT64, shape: [typeAt(inputs, 0).shape?.length, undefined] },
];

/** Operators that make tensors of sizes, attributes or data-dependent counts. */
export const GENERATION_RULES: RuleTable = {
  ':Constant': (node) => [constantType(node)],
  ':ConstantOfShape': constantOfShape,
  ':Shape': shapeOf,
  ':Size': () => [{ dataType: DataType.INT64, shape: [] }],
  ':Range': range,
  ':OneHot': oneHot,
  ...sameRule('', ['RandomNormal', 'RandomUniform'], random),
  ...sameRule('', ['RandomNormalLike', 'RandomUniformLike', 'EyeLike', 'Bernoulli'], randomLike),
  ':NonZero': nonZero,
  ':NonMaxSuppression': () => [{ dataType: DataType.INT64, shape: [undefined, 3] }],
};
