import { DataType, type DataTypeNumber } from '../../onnx/data-type.ts';
import type { Dim, NodeProto } from '../../onnx/model-file.ts';
import { broadcastShapes, type Shape } from './dims.ts';
import { hasInput, intOf, type Rule, type RuleTable, reshaped, sameRule, typeAt } from './rule.ts';

/** numpy's matmul: the last two axes multiply, those before broadcast; a vector loses its axis. */
export function multiplied(a: Shape, b: Shape): Shape {
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return undefined;
  const batch = broadcastShapes([a.slice(0, -2), b.slice(0, -2)]);
  if (batch === undefined) return undefined;
  const rows: readonly Dim[] = a.length === 1 ? [] : [a.at(-2)];
  const columns: readonly Dim[] = b.length === 1 ? [] : [b.at(-1)];
  return [...batch, ...rows, ...columns];
}

const matMul: Rule = (_node, inputs) => [
  reshaped(typeAt(inputs, 0), multiplied(typeAt(inputs, 0).shape, typeAt(inputs, 1).shape)),
];

const fusedMatMul: Rule = (node, inputs) => {
  const swapped = (shape: Shape, attribute: string): Shape =>
    shape === undefined || shape.length < 2 || intOf(node, attribute, 0) === 0
      ? shape
      : [...shape.slice(0, -2), shape.at(-1), shape.at(-2)];
  const batched = intOf(node, 'transBatchA', 0) !== 0 || intOf(node, 'transBatchB', 0) !== 0;
  const a = swapped(typeAt(inputs, 0).shape, 'transA');
  const b = swapped(typeAt(inputs, 1).shape, 'transB');
  return [reshaped(typeAt(inputs, 0), batched ? undefined : multiplied(a, b))];
};

/** [M, K] times [K, N], either transposed, gives [M, N]. */
function gemmShape(node: NodeProto, a: Shape, b: Shape): Shape {
  return [
    a?.length === 2 ? a[intOf(node, 'transA', 0) === 0 ? 0 : 1] : undefined,
    b?.length === 2 ? b[intOf(node, 'transB', 0) === 0 ? 1 : 0] : undefined,
  ];
}

const gemm: Rule = (node, inputs) => [
  reshaped(typeAt(inputs, 0), gemmShape(node, typeAt(inputs, 0).shape, typeAt(inputs, 1).shape)),
];

const matMulInteger: Rule = (_node, inputs) => [
  { dataType: DataType.INT32, shape: multiplied(typeAt(inputs, 0).shape, typeAt(inputs, 1).shape) },
];

/** Inputs: a, scale, zero point, b, scale, zero point, output's scale, output's zero point. */
const qLinearMatMul: Rule = (_node, inputs) => [
  {
    dataType: typeAt(inputs, 7).dataType,
    shape: multiplied(typeAt(inputs, 0).shape, typeAt(inputs, 3).shape),
  },
];

/** Inputs: a, scale, zero point, b, scale, zero point, bias, output's scale, output's zero point; float without the last. */
const qGemm: Rule = (node, inputs) => {
  const dataType: DataTypeNumber = hasInput(node, 8) ? typeAt(inputs, 8).dataType : DataType.FLOAT;
  return [{ dataType, shape: gemmShape(node, typeAt(inputs, 0).shape, typeAt(inputs, 3).shape) }];
};

const floatMatMul: Rule = (_node, inputs) => [
  { dataType: DataType.FLOAT, shape: multiplied(typeAt(inputs, 0).shape, typeAt(inputs, 1).shape) },
];

/** Weights packed into blocks; the attribute N says how many columns they have. */
const matMulNBits: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const columns = intOf(node, 'N', 0);
  return [
    reshaped(
      data,
      data.shape === undefined ? undefined : [...data.shape.slice(0, -1), columns > 0 ? columns : undefined],
    ),
  ];
};

/** Matrix products. */
export const MATMUL_RULES: RuleTable = {
  ':MatMul': matMul,
  ':Gemm': gemm,
  ':MatMulInteger': matMulInteger,
  ':QLinearMatMul': qLinearMatMul,
  ...sameRule('com.microsoft', ['FusedMatMul', 'TransposeMatMul', 'FusedMatMulActivation'], fusedMatMul),
  'com.microsoft:FusedGemm': gemm,
  'com.microsoft:QGemm': qGemm,
  ...sameRule('com.microsoft', ['MatMulIntegerToFloat', 'DynamicQuantizeMatMul'], floatMatMul),
  'com.microsoft:MatMulNBits': matMulNBits,
};
