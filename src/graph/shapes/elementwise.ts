import { DataType } from '../../onnx/data-type.ts';
import type { NodeProto } from '../../onnx/model-file.ts';
import type { ValueType } from '../types.ts';
import { broadcastShapes, type Shape } from './dims.ts';
import { castType, type Rule, type RuleContext, type RuleTable, reshaped, sameRule, typeAt } from './rule.ts';

/** The output is of the first input's type and shape. */
export const sameAsInput: Rule = (_node, inputs) => [typeAt(inputs, 0)];

/** Data and parameters broadcast against each other; the first input says the element type. */
const broadcast: Rule = (node, inputs, context) => {
  const typed = inputs.find((input) => input.dataType !== DataType.UNDEFINED);
  return [reshaped(typed ?? typeAt(inputs, 0), broadcastOf(node, inputs, context))];
};

const comparison: Rule = (node, inputs, context) => [
  { dataType: DataType.BOOL, shape: broadcastOf(node, inputs, context) },
];

/** Below opset 7 the second operand is stretched to the first one, along an `axis` if need be. */
function broadcastOf(node: NodeProto, inputs: readonly ValueType[], context: RuleContext): Shape {
  if (node.domain === '' && context.opset > 0 && context.opset < 7) return typeAt(inputs, 0).shape;
  return broadcastShapes(inputs.map(({ shape }) => shape));
}

const where: Rule = (_node, inputs) => [
  reshaped(typeAt(inputs, 1), broadcastShapes([0, 1, 2].map((input) => typeAt(inputs, input).shape))),
];

const test: Rule = (_node, inputs) => [{ dataType: DataType.BOOL, shape: typeAt(inputs, 0).shape }];

const cast: Rule = (node, inputs) => [{ dataType: castType(node), shape: typeAt(inputs, 0).shape }];

const castLike: Rule = (_node, inputs) => [reshaped(typeAt(inputs, 1), typeAt(inputs, 0).shape)];

/** Output and mask, both of the data's shape. */
const dropout: Rule = (_node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const dataType = context.opset >= 10 ? DataType.BOOL : data.dataType;
  return [data, { dataType, shape: data.shape }];
};

/** A bias joins the data and an activation follows: BiasGelu and its like. */
const biased: Rule = (_node, inputs) => [
  reshaped(typeAt(inputs, 0), broadcastShapes([typeAt(inputs, 0).shape, typeAt(inputs, 1).shape])),
];

const UNARY = [
  ...['Relu', 'LeakyRelu', 'PRelu', 'ThresholdedRelu', 'Elu', 'Selu', 'Celu', 'Gelu', 'Mish', 'Swish'],
  ...[
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Tanh',
    'Softplus',
    'Softsign',
    'ScaledTanh',
    'ParametricSoftplus',
  ],
  ...['Softmax', 'LogSoftmax', 'Hardmax', 'Clip', 'Shrink', 'Identity', 'Affine', 'ImageScaler'],
  ...['Abs', 'Neg', 'Sign', 'Ceil', 'Floor', 'Round', 'Sqrt', 'Reciprocal', 'Exp', 'Log', 'Erf'],
  ...['Sin', 'Cos', 'Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Acosh', 'Atanh'],
  ...['Not', 'BitwiseNot', 'CumSum', 'CumProd', 'Trilu', 'ReverseSequence'],
  ...['ScatterElements', 'ScatterND', 'Scatter', 'TensorScatter', 'RotaryEmbedding'],
];

const BINARY = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'Min', 'Max', 'Sum', 'Mean', 'BitShift'],
  ...['And', 'Or', 'Xor', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor'],
];

const MICROSOFT_UNARY = [
  'Gelu',
  'QuickGelu',
  'FastGelu',
  'Inverse',
  'BiasDropout',
  'QLinearSigmoid',
  'QLinearLeakyRelu',
  'QLinearSoftmax',
];

const QONNX = ['Quant', 'IntQuant', 'FloatQuant', 'BipolarQuant', 'Trunc', 'IntTrunc', 'MultiThreshold'];

/** Quantize and dequantize in one node, as other tools write it: QONNX under all names that its domain has had. */
const FAKE_QUANTIZERS: Readonly<Record<string, readonly string[]>> = {
  'qonnx.custom_op.general': QONNX,
  'finn.custom_op.general': QONNX,
  finn: QONNX,
  'onnx.brevitas': QONNX,
  'org.openvinotoolkit': ['FakeQuantize'],
  'com.vai.quantize': ['FixNeuron', 'BFPFixNeuron', 'MXFixNeuron'],
  'com.amd.quark': ['BFPQuantizeDequantize', 'MXQuantizeDequantize'],
};

/** Operators that keep the shape of their data, or of what their operands broadcast to. */
export const ELEMENTWISE_RULES: RuleTable = {
  ...sameRule('', UNARY, sameAsInput),
  ...sameRule('', BINARY, broadcast),
  ...sameRule('', ['Equal', 'Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual'], comparison),
  ...sameRule('', ['IsNaN', 'IsInf'], test),
  ':Where': where,
  ':Cast': cast,
  ':CastLike': castLike,
  ':Dropout': dropout,
  ...sameRule('com.microsoft', MICROSOFT_UNARY, sameAsInput),
  ...sameRule('com.microsoft', ['BiasGelu', 'BiasAdd', 'BiasSplitGelu'], biased),
  // Quantizers of other tools, which keep the shape whatever they do to the numbers.
  ...sameRule('', ['RequantShift'], (_node, inputs) => [
    { dataType: DataType.UNDEFINED, shape: typeAt(inputs, 0).shape },
  ]),
  ...Object.fromEntries(
    Object.entries(FAKE_QUANTIZERS).flatMap(([domain, names]) =>
      Object.entries(sameRule(domain, names, sameAsInput)),
    ),
  ),
};
