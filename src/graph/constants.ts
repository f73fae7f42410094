import { DataType, type DataTypeNumber } from '../onnx/data-type.ts';
import type { NodeProto, TensorProto } from '../onnx/model-file.ts';
import { elementCount, inlineNumbers } from '../onnx/tensor-data.ts';
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

/** What a fill may be expanded to: shapes and scalars, not weights. */
const FILL_LIMIT = 1024;

/**
 * Resolves a value to a constant, looking through the homes that exporters give weights: initializers, `Constant`,
 * `ConstantOfShape`, and `Identity`, `Cast`, `Transpose`, `Reshape`-like and `DequantizeLinear` in front of them.
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
  switch (node.opType) {
    case 'Constant':
      return ofConstantNode(node);
    case 'ConstantOfShape':
      return filled(node, source()?.numbers);
    case 'Identity':
      return source();
    case 'Cast':
      return cast(source(), node.attribute.get('to')?.i ?? DataType.UNDEFINED);
    case 'Transpose':
      return transposed(source(), node.attribute.get('perm')?.ints);
    case 'DequantizeLinear':
      return dequantized(source(), constantOf(view, node.input[1] ?? '', limit - 1));
    case 'Reshape':
    case 'Unsqueeze':
    case 'Squeeze':
    case 'Flatten':
      return reshaped(view, node, source(), limit);
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
  return { dataType: tensor.dataType, dims: tensor.dims, numbers: inlineNumbers(tensor) };
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
  const numbers = value === undefined || count > FILL_LIMIT ? undefined : new Float64Array(count).fill(value);
  return { dataType: fill?.dataType ?? DataType.FLOAT, dims, numbers };
}

function cast(constant: Constant | undefined, dataType: DataTypeNumber): Constant | undefined {
  if (constant === undefined) return undefined;
  const whole = dataType !== DataType.FLOAT && dataType !== DataType.DOUBLE && dataType !== DataType.FLOAT16;
  const numbers = whole ? constant.numbers?.map(Math.trunc) : constant.numbers;
  return { ...constant, dataType, numbers };
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
  view: GraphView,
  node: NodeProto,
  constant: Constant | undefined,
  limit: number,
): Constant | undefined {
  if (constant === undefined) return undefined;
  const count = elementCount(constant.dims);
  if (node.opType === 'Reshape') {
    const wanted =
      constantOf(view, node.input[1] ?? '', limit - 1)?.numbers ?? node.attribute.get('shape')?.ints;
    if (wanted === undefined) return undefined;
    const known = [...wanted].map((dim, axis) => (dim === 0 ? (constant.dims[axis] ?? 1) : dim));
    const rest = count / known.filter((dim) => dim !== -1).reduce((product, dim) => product * dim, 1);
    return { ...constant, dims: known.map((dim) => (dim === -1 ? rest : dim)) };
  }
  const axes = [
    ...(constantOf(view, node.input[1] ?? '', limit - 1)?.numbers ?? node.attribute.get('axes')?.ints ?? []),
  ];
  if (node.opType === 'Unsqueeze') {
    const rank = constant.dims.length + axes.length;
    const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
    const kept = constant.dims.values();
    return {
      ...constant,
      dims: Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (kept.next().value ?? 1))),
    };
  }
  if (node.opType === 'Squeeze') {
    const rank = constant.dims.length;
    const gone = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
    const dims = constant.dims.filter((dim, axis) => (axes.length > 0 ? !gone.has(axis) : dim !== 1));
    return { ...constant, dims };
  }
  const axis = node.attribute.get('axis')?.i ?? 1;
  const front = elementCount(constant.dims.slice(0, axis));
  return { ...constant, dims: [front, front === 0 ? 0 : count / front] };
}
