import { isFloating } from '../onnx/data-type.ts';
import type { GraphProto, NodeProto, TensorProto } from '../onnx/model-file.ts';
import { elementCount } from '../onnx/tensor-data.ts';
import { constantOf } from './constants.ts';
import type { GraphView } from './view.ts';

/** Operators whose constant operands are weights, even one of a single element. */
const WEIGHTED: ReadonlySet<string> = new Set([
  'Conv',
  'ConvTranspose',
  'DeformConv',
  'FusedConv',
  'Gemm',
  'FusedGemm',
  'MatMul',
  'FusedMatMul',
  'BatchNormalization',
  'InstanceNormalization',
  'LayerNormalization',
  'GroupNormalization',
  'PRelu',
  'RNN',
  'GRU',
  'LSTM',
]);

/** Operators whose constant operands steer them: sizes, scales of a quantization, bounds. */
const STEERED: ReadonlySet<string> = new Set([
  'Resize',
  'Upsample',
  'QuantizeLinear',
  'Clip',
  'Pad',
  'Range',
  'OneHot',
  'NonMaxSuppression',
]);

/** Inputs of quantized operators that hold weights as integers. */
const INTEGER_WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  DequantizeLinear: [0],
  ConvInteger: [1],
  MatMulInteger: [1],
  QLinearConv: [3, 8],
  QLinearMatMul: [3],
  QGemm: [3, 6],
};

/** Operators that hand their first input on: who reads their output reads that. */
const HANDED_ON: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
]);

/** What the readers of a value make of it. */
interface Reading {
  /** A floating constant here is a weight, of whatever size. */
  weight: boolean;
  /** A floating constant here is a weight if it is more than a scalar. */
  operand: boolean;
  /** An integer constant here is a weight. */
  integer: boolean;
}

/**
 * Counts the parameters of a model: the elements of the constants that its computation works with.
 *
 * Those are floating constants, be they initializers or `Constant` nodes, in the graph, in bodies or in functions, and
 * integer ones that are quantized weights. Not counted are scalars (an epsilon, a bound), what steers an operator (the
 * scales of a Resize or of a quantization), and what nobody reads. Running statistics of a BatchNormalization count.
 */
export function countParameters(view: GraphView): number {
  const nodes = [...allNodes(view.graph), ...view.model.functions.flatMap(({ node }) => [...nodesOf(node)])];
  const readings = readAll(nodes);
  let count = 0;
  const add = (name: string, dataType: number, dims: readonly number[]): void => {
    const reading = readings.get(name);
    const elements = elementCount(dims);
    const isWeight = isFloating(dataType)
      ? reading?.weight === true || (reading?.operand === true && elements > 1)
      : reading?.integer === true;
    if (isWeight) count += elements;
  };
  for (const tensor of initializersOf(view.graph, nodes)) add(tensor.name, tensor.dataType, tensor.dims);
  for (const node of nodes) {
    const [name = ''] = node.output;
    if (node.domain !== '') continue;
    if (node.opType === 'Constant') {
      const tensor = node.attribute.get('value')?.t;
      if (tensor !== undefined) add(name, tensor.dataType, tensor.dims);
    } else if (node.opType === 'ConstantOfShape' && readings.get(name)?.weight === true) {
      // Networks whose weights are made up, to test a topology.
      const constant = constantOf(view, name);
      if (constant !== undefined) add(name, constant.dataType, constant.dims);
    }
  }
  return count;
}

function readAll(nodes: readonly NodeProto[]): ReadonlyMap<string, Reading> {
  const readings = new Map<string, Reading>();
  const readingOf = (name: string): Reading => {
    let reading = readings.get(name);
    if (reading === undefined) {
      reading = { weight: false, operand: false, integer: false };
      readings.set(name, reading);
    }
    return reading;
  };
  // Backwards, so that the readers of an output are known before it is handed on.
  for (const { opType, input, output } of nodes.toReversed()) {
    const integers = Object.hasOwn(INTEGER_WEIGHTS, opType) ? INTEGER_WEIGHTS[opType] : undefined;
    const after = HANDED_ON.has(opType) ? readings.get(output[0] ?? '') : undefined;
    for (const [index, name] of input.entries()) {
      if (name === '') continue;
      const reading = readingOf(name);
      if (HANDED_ON.has(opType)) {
        if (index === 0 && after !== undefined) merge(reading, after);
      } else if (WEIGHTED.has(opType)) reading.weight = true;
      else if (!isSteered(opType)) reading.operand = true;
      if (integers?.includes(index) === true) reading.integer = true;
    }
  }
  return readings;
}

/** Operators of quantized networks take floating constants for scales alone. */
function isSteered(opType: string): boolean {
  return STEERED.has(opType) || Object.hasOwn(INTEGER_WEIGHTS, opType) || opType.startsWith('QLinear');
}

function merge(into: Reading, from: Reading): void {
  into.weight ||= from.weight;
  into.operand ||= from.operand;
  into.integer ||= from.integer;
}

function* allNodes(graph: GraphProto): Generator<NodeProto, void> {
  yield* nodesOf(graph.node);
}

function* nodesOf(nodes: readonly NodeProto[]): Generator<NodeProto, void> {
  for (const node of nodes) {
    yield node;
    for (const { g, graphs } of node.attribute.values()) {
      if (g !== undefined) yield* allNodes(g);
      for (const graph of graphs) yield* allNodes(graph);
    }
  }
}

function* initializersOf(graph: GraphProto, nodes: readonly NodeProto[]): Generator<TensorProto, void> {
  yield* graph.initializer;
  yield* graph.sparseInitializer;
  for (const { attribute } of nodes) {
    for (const { g, graphs } of attribute.values()) {
      for (const body of g === undefined ? graphs : [g, ...graphs]) {
        yield* body.initializer;
        yield* body.sparseInitializer;
      }
    }
  }
}
