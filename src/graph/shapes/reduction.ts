import { DataType } from '../../onnx/data-type.ts';
import { axesOf, axisOf, type Shape, unknownDims } from './dims.ts';
import {
  intOf,
  numbersOf,
  operandOf,
  type Rule,
  type RuleTable,
  reshaped,
  sameRule,
  typeAt,
} from './rule.ts';

const reduce: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  if (shape === undefined) return [data];
  const keep = intOf(node, 'keepdims', 1) !== 0;
  const operand = operandOf(node, inputs, context, 'axes', 1);
  const numbers = operand.kind === 'absent' ? [] : numbersOf(operand);
  if (numbers?.length === 0) {
    if (intOf(node, 'noop_with_empty_axes', 0) !== 0) return [data];
    return [reshaped(data, keep ? shape.map(() => 1) : [])];
  }
  const axes = numbers === undefined ? undefined : axesOf(numbers, shape.length);
  if (axes !== undefined) return [reshaped(data, reduced(shape, axes, keep))];
  if (keep) return [reshaped(data, unknownDims(shape.length))];
  const count = operand.kind === 'unknown' ? operand.count : numbers?.length;
  return [reshaped(data, unknownDims(count === undefined ? undefined : shape.length - count))];
};

function reduced(shape: NonNullable<Shape>, axes: ReadonlySet<number>, keep: boolean): Shape {
  return keep
    ? shape.map((dim, axis) => (axes.has(axis) ? 1 : dim))
    : shape.filter((_, axis) => !axes.has(axis));
}

/** The place of the largest or smallest entry along one axis. */
const argReduce: Rule = (node, inputs) => {
  const { shape } = typeAt(inputs, 0);
  const axis = shape === undefined ? undefined : axisOf(intOf(node, 'axis', 0), shape.length);
  if (shape === undefined || axis === undefined) return [{ dataType: DataType.INT64, shape: undefined }];
  const keep = intOf(node, 'keepdims', 1) !== 0;
  return [{ dataType: DataType.INT64, shape: reduced(shape, new Set([axis]), keep) }];
};

/** Values and indices: k along one axis. */
const topK: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  const axis = shape === undefined ? undefined : axisOf(intOf(node, 'axis', -1), shape.length);
  const k = node.attribute.get('k')?.i ?? context.numbers(1)?.entries[0];
  const dims = shape?.map((dim, at) => (axis === undefined ? undefined : at === axis ? k : dim));
  return [reshaped(data, dims), { dataType: DataType.INT64, shape: dims }];
};

const REDUCTIONS = ['Mean', 'Sum', 'Max', 'Min', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'];

/** Operators that make one number of many along some axes. */
export const REDUCTION_RULES: RuleTable = {
  ...sameRule(
    '',
    REDUCTIONS.map((name) => `Reduce${name}`),
    reduce,
  ),
  ...sameRule('', ['ArgMax', 'ArgMin'], argReduce),
  ':TopK': topK,
};
