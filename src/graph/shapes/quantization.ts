import { DataType } from '../../onnx/data-type.ts';
import { broadcastShapes } from './dims.ts';
import { hasInput, intOf, type Rule, type RuleTable, reshaped, sameRule, typeAt } from './rule.ts';

/** The zero point says the element type; without one an attribute does, or it is UINT8. */
const quantize: Rule = (node, inputs) => {
  const stated = intOf(node, 'output_dtype', DataType.UNDEFINED);
  const implied = hasInput(node, 2) ? typeAt(inputs, 2).dataType : DataType.UINT8;
  return [{ dataType: stated === DataType.UNDEFINED ? implied : stated, shape: typeAt(inputs, 0).shape }];
};

const dequantize: Rule = (node, inputs) => {
  const stated = intOf(node, 'output_dtype', DataType.UNDEFINED);
  const dataType = stated === DataType.UNDEFINED ? typeAt(inputs, 1).dataType : stated;
  return [{ dataType, shape: typeAt(inputs, 0).shape }];
};

/** The quantized data, its scale and its zero point. */
const dynamicQuantize: Rule = (_node, inputs) => [
  { dataType: DataType.UINT8, shape: typeAt(inputs, 0).shape },
  { dataType: DataType.FLOAT, shape: [] },
  { dataType: DataType.UINT8, shape: [] },
];

/** Inputs: a, scale, zero point, b, scale, zero point, output's scale, output's zero point. */
const qLinearBinary: Rule = (_node, inputs) => [
  reshaped(typeAt(inputs, 0), broadcastShapes([typeAt(inputs, 0).shape, typeAt(inputs, 3).shape])),
];

/** Quantizers, and arithmetic on quantized numbers. */
export const QUANTIZATION_RULES: RuleTable = {
  ...sameRule('', ['QuantizeLinear'], quantize),
  ...sameRule('com.microsoft', ['QuantizeLinear'], quantize),
  ...sameRule('', ['DequantizeLinear'], dequantize),
  ...sameRule('com.microsoft', ['DequantizeLinear'], dequantize),
  // AMD's, for element types that ONNX's own do not take.
  'com.vai.quantize:VitisQuantizeLinear': quantize,
  'com.vai.quantize:VitisDequantizeLinear': dequantize,
  'com.amd.quark:ExtendedQuantizeLinear': quantize,
  'com.amd.quark:ExtendedDequantizeLinear': dequantize,
  ':DynamicQuantizeLinear': dynamicQuantize,
  ...sameRule('com.microsoft', ['QLinearAdd', 'QLinearMul'], qLinearBinary),
};
