import { DataType, type DataTypeNumber } from '../onnx/data-type.ts';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../onnx/half.ts';
import type { NodeProto, TensorProto } from '../onnx/model-file.ts';
import { elementCount, inlineNumbers } from '../onnx/tensor-data.ts';
import { castType } from './shapes/rule.ts';
import { type GraphView, producerOf, type ValueId } from './view.ts';

/** A value that does not depend on the graph's inputs. */
export interface Constant {
  readonly dataType: DataTypeNumber;
  readonly dims: readonly number[];
  /** The numbers in float64, where the tensor is small enough to have been read with the graph. */
  readonly numbers: Float64Array | undefined;
}

/** Ways to a weight are short; a longer one is a computation. */
const CHAIN_LIMIT = 16;

/** The same for operands beside the weight, so that a graph in which they branch again and again costs little. */
const SIDE_LIMIT = 4;

/** What a fill may be expanded to: shapes and scalars, not weights. */
const FILL_LIMIT = 1024;

/**
 * Resolves a value to a constant, looking through the homes that exporters give weights: initializers, `Constant`,
 * `ConstantOfShape`, and `Identity`, `Cast`, `CastLike`, `Transpose`, `Reshape`-like and `DequantizeLinear` in front of them.
 *
 * Gives nothing for values that depend on the inputs, or that are computed in another way.
 */
export function constantOf(
  view: GraphView,
  value: ValueId,
  limit: number = CHAIN_LIMIT,
): Constant | undefined {
  const initializer = view.initializers.get(value);
  if (initializer !== undefined) return ofTensor(initializer);
  const node = producerOf(view, value);
  if (node === undefined || node.domain !== '' || limit === 0) return undefined;
  const source = (): Constant | undefined => {
    const [first] = node.input;
    return first === undefined ? undefined : constantOf(view, first, limit - 1);
  };
  const side = (input: number): Constant | undefined =>
    constantOf(view, node.input[input] ?? '', Math.min(limit - 1, SIDE_LIMIT));
  switch (node.opType) {
    case 'Constant':
      return ofConstantNode(node);
    case 'ConstantOfShape':
      return filled(node, source()?.numbers);
    case 'Identity':
    case 'CastLike':
      return source();
    case 'Cast':
      return cast(source(), castType(node));
    case 'Transpose':
      return transposed(source(), node.attribute.get('perm')?.ints);
    case 'DequantizeLinear':
      return dequantized(source(), side(1));
    case 'Reshape':
    case 'Unsqueeze':
    case 'Squeeze':
    case 'Flatten':
      return reshaped(node, source(), (node.input[1] ?? '') === '' ? undefined : side(1));
    default:
      return undefined;
  }
}

/** The one number of a constant scalar or one-element tensor. */
export function scalarOf(view: GraphView, value: ValueId): number | undefined {
  const constant = constantOf(view, value);
  return constant?.numbers?.length === 1 ? constant.numbers[0] : undefined;
}

function ofTensor(tensor: TensorProto): Constant {
  const { dataType, dims } = tensor;
  return {
    dataType,
    dims,
    // Mostly only the sizes are asked for.
    get numbers() {
      return inlineNumbers(tensor);
    },
  };
}

function ofConstantNode(node: NodeProto): Constant | undefined {
  const [attribute] = node.attribute.values();
  switch (attribute?.name) {
    case 'value':
      return attribute.t === undefined ? undefined : ofTensor(attribute.t);
    case 'value_float':
      return { dataType: DataType.FLOAT, dims: [], numbers: Float64Array.of(attribute.f) };
    case 'value_int':
      return { dataType: DataType.INT64, dims: [], numbers: Float64Array.of(attribute.i) };
    case 'value_floats':
      return list(DataType.FLOAT, attribute.floats, attribute.elided);
    case 'value_ints':
      return list(DataType.INT64, attribute.ints, attribute.elided);
    default:
      return undefined;
  }
}

function list(dataType: DataTypeNumber, numbers: readonly number[], elided: boolean): Constant | undefined {
  return elided ? undefined : { dataType, dims: [numbers.length], numbers: Float64Array.from(numbers) };
}

function filled(node: NodeProto, shape: Float64Array | undefined): Constant | undefined {
  if (shape === undefined) return undefined;
  const fill = node.attribute.get('value')?.t;
  const value = fill === undefined ? 0 : inlineNumbers(fill)?.[0];
  const dims = [...shape];
  const count = elementCount(dims);
  if (dims.some((dim) => !(dim >= 0))) return undefined;
  const numbers = value === undefined || count > FILL_LIMIT ? undefined : new Float64Array(count).fill(value);
  return { dataType: fill?.dataType ?? DataType.FLOAT, dims, numbers };
}

/** What a Cast makes of a number; types that are not here have no plain ones. */
const CONVERSIONS: ReadonlyMap<DataTypeNumber, (value: number) => number> = new Map([
  [DataType.FLOAT, Math.fround],
  [DataType.DOUBLE, (value: number) => value],
  [DataType.FLOAT16, (value: number) => fromFloat16(toFloat16(value))],
  [DataType.BFLOAT16, (value: number) => fromBfloat16(toBfloat16(value))],
  [DataType.BOOL, (value: number) => (value === 0 ? 0 : 1)],
  ...[
    DataType.UINT8,
    DataType.INT8,
    DataType.UINT16,
    DataType.INT16,
    DataType.INT32,
    DataType.INT64,
    DataType.UINT32,
    DataType.UINT64,
  ].map((dataType) => [dataType, Math.trunc] as const),
]);

function cast(constant: Constant | undefined, dataType: DataTypeNumber): Constant | undefined {
  if (constant === undefined) return undefined;
  const convert = CONVERSIONS.get(dataType);
  return {
    ...constant,
    dataType,
    numbers: convert === undefined ? undefined : constant.numbers?.map(convert),
  };
}

function transposed(
  constant: Constant | undefined,
  perm: readonly number[] | undefined,
): Constant | undefined {
  if (constant === undefined) return undefined;
  const order = perm ?? constant.dims.map((_, axis) => constant.dims.length - 1 - axis);
  const dims = order.map((axis) => constant.dims[axis] ?? 1);
  const plain = constant.dims.filter((dim) => dim !== 1).length < 2;
  return { ...constant, dims, numbers: plain ? constant.numbers : undefined };
}

function dequantized(constant: Constant | undefined, scale: Constant | undefined): Constant | undefined {
  if (constant === undefined) return undefined;
  // The numbers behind a DequantizeLinear are weights: nobody asks for them here.
  return { dataType: scale?.dataType ?? DataType.FLOAT, dims: constant.dims, numbers: undefined };
}

function reshaped(
  node: NodeProto,
  constant: Constant | undefined,
  operand: Constant | undefined,
): Constant | undefined {
  if (constant === undefined) return undefined;
  // From opset 13 (Reshape: 5) on the numbers are an input; one that is not known leaves the shape unknown.
  const given = (node.input[1] ?? '') !== '';
  const numbers = given
    ? operand?.numbers
    : node.attribute.get(node.opType === 'Reshape' ? 'shape' : 'axes')?.ints;
  if (given && numbers === undefined) return undefined;
  const dims = reshapedDims(node, constant.dims, numbers === undefined ? undefined : [...numbers]);
  return dims === undefined ? undefined : { ...constant, dims };
}

function reshapedDims(
  node: NodeProto,
  dims: readonly number[],
  numbers: readonly number[] | undefined,
): readonly number[] | undefined {
  const count = elementCount(dims);
  switch (node.opType) {
    case 'Reshape': {
      if (numbers === undefined) return undefined;
      const known = numbers.map((dim, axis) => (dim === 0 ? (dims[axis] ?? 1) : dim));
      const rest = count / elementCount(known.filter((dim) => dim !== -1));
      return known.map((dim) => (dim === -1 ? rest : dim));
    }
    case 'Unsqueeze': {
      const rank = dims.length + (numbers?.length ?? 0);
      const added = new Set(numbers?.map((axis) => (axis < 0 ? axis + rank : axis)));
      const kept = dims.values();
      return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (kept.next().value ?? 1)));
    }
    case 'Squeeze': {
      const gone = new Set(numbers?.map((axis) => (axis < 0 ? axis + dims.length : axis)));
      return dims.filter((dim, axis) => (numbers === undefined ? dim !== 1 : !gone.has(axis)));
    }
    default: {
      const front = elementCount(dims.slice(0, node.attribute.get('axis')?.i ?? 1));
      return [front, front === 0 ? 0 : count / front];
    }
  }
}
