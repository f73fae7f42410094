import type { NodeProto } from '../onnx/model-file.ts';
import { elementCount } from '../onnx/tensor-data.ts';
import { broadcastStrides, concatenate, convolve, type NdArray, required, transpose } from './nd-array.ts';

/** An operator of a block: its inputs, and its attributes as they stand in the file. */
type Operator = (inputs: readonly NdArray[], node: NodeProto) => NdArray;

export type { NdArray };

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** What blocks are made of, by the definitions of the ONNX operators. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  Add: binary((a, b) => a + b),
  Cast: ([x]) => required(x),
  Concat: (inputs, node) => concatenate(inputs, node.attribute.get('axis')?.i ?? 0),
  Conv: convolve,
  Div: binary((a, b) => a / b),
  Erf: unary((x) => errorFunction(x)),
  Exp: unary((x) => Math.exp(x)),
  GlobalAveragePool: ([x]) => reduceMean(required(x), spatialAxes(required(x))),
  GlobalMaxPool: ([x]) => reduce(required(x), spatialAxes(required(x)), MAXIMUM),
  HardSigmoid: unary((x, node) => {
    const alpha = node.attribute.get('alpha')?.f ?? 0.2;
    const beta = node.attribute.get('beta')?.f ?? 0.5;
    return Math.max(0, Math.min(1, alpha * x + beta));
  }),
  HardSwish: unary((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  Identity: ([x]) => required(x),
  LeakyRelu: unary((x, node) => (x < 0 ? (node.attribute.get('alpha')?.f ?? 0.01) * x : x)),
  MatMul: multiplyLast,
  Mul: binary((a, b) => a * b),
  ReduceMax: (inputs, node) => reduce(required(inputs[0]), axesOf(inputs, node), MAXIMUM),
  ReduceMean: (inputs, node) => reduceMean(required(inputs[0]), axesOf(inputs, node)),
  ReduceSum: (inputs, node) => reduce(required(inputs[0]), axesOf(inputs, node), SUM),
  ReduceSumSquare: (inputs, node) => reduce(required(inputs[0]), axesOf(inputs, node), SUM_OF_SQUARES),
  Relu: unary((x) => Math.max(x, 0)),
  Sigmoid: unary((x) => sigmoid(x)),
  Sqrt: unary((x) => Math.sqrt(x)),
  Sub: binary((a, b) => a - b),
  Tanh: unary((x) => Math.tanh(x)),
  Transpose: ([x], node) => transpose(required(x), node.attribute.get('perm')?.ints),
};

/**
 * Evaluates nodes in float64, by the ONNX definitions of the operators and with the attributes that the nodes have.
 *
 * It serves where no runtime computes in a block's element type (float64 and bfloat16 have no convolution in
 * onnxruntime's CPU provider). Gives the values of all nodes, or nothing where an operator is not among those that
 * blocks are made of.
 */
export function interpret(
  nodes: readonly NodeProto[],
  inputs: ReadonlyMap<string, NdArray>,
): ReadonlyMap<string, NdArray> | undefined {
  const values = new Map(inputs);
  for (const node of nodes) {
    const operator = node.domain === '' ? OPERATORS[node.opType] : undefined;
    const operands = node.input.map((name) => values.get(name));
    if (operator === undefined || operands.includes(undefined)) return undefined;
    values.set(node.output[0] ?? '', operator(operands as NdArray[], node));
  }
  return values;
}

function unary(of: (x: number, node: NodeProto) => number): Operator {
  return ([x], node) => ({ dims: required(x).dims, data: required(x).data.map((value) => of(value, node)) });
}

/** Elementwise with broadcasting, as numpy does it (ONNX, "Multidirectional Broadcasting"). */
function binary(of: (a: number, b: number) => number): Operator {
  return ([left, right]) => {
    const [a, b] = [required(left), required(right)];
    const rank = Math.max(a.dims.length, b.dims.length);
    const padded = ({ dims }: NdArray): number[] => [...Array<number>(rank - dims.length).fill(1), ...dims];
    const [aDims, bDims] = [padded(a), padded(b)];
    const dims = aDims.map((size, axis) => Math.max(size, bDims[axis] ?? 1));
    const data = new Float64Array(elementCount(dims));
    const aStrides = broadcastStrides(aDims);
    const bStrides = broadcastStrides(bDims);
    for (let index = 0; index < data.length; index += 1) {
      let rest = index;
      let aAt = 0;
      let bAt = 0;
      for (let axis = rank - 1; axis >= 0; axis -= 1) {
        const size = dims[axis] ?? 1;
        const place = rest % size;
        rest = (rest - place) / size;
        aAt += place * (aStrides[axis] ?? 0);
        bAt += place * (bStrides[axis] ?? 0);
      }
      data[index] = of(a.data[aAt] ?? Number.NaN, b.data[bAt] ?? Number.NaN);
    }
    return { dims, data };
  };
}

/** A product with a matrix on the last axis. */
function multiplyLast([x, w]: readonly NdArray[]): NdArray {
  const [input, weight] = [required(x), required(w)];
  const [inputs = 1, outputs = 1] = weight.dims;
  const rows = input.data.length / inputs;
  const data = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row += 1) {
    for (let output = 0; output < outputs; output += 1) {
      let sum = 0;
      for (let at = 0; at < inputs; at += 1) {
        sum +=
          (input.data[row * inputs + at] ?? Number.NaN) * (weight.data[at * outputs + output] ?? Number.NaN);
      }
      data[row * outputs + output] = sum;
    }
  }
  return { dims: [...input.dims.slice(0, -1), outputs], data };
}

/** How a reduction starts, and what each number adds to it. */
interface Reduction {
  readonly start: number;
  readonly step: (sum: number, x: number) => number;
}

const SUM: Reduction = { start: 0, step: (sum, x) => sum + x };
const SUM_OF_SQUARES: Reduction = { start: 0, step: (sum, x) => sum + x * x };
const MAXIMUM: Reduction = { start: Number.NEGATIVE_INFINITY, step: Math.max };

/** A reduction over some axes, which stay with size 1. */
function reduce(x: NdArray, axes: readonly number[], { start, step }: Reduction): NdArray {
  const gone = new Set(axes.map((axis) => (axis < 0 ? axis + x.dims.length : axis)));
  const dims = x.dims.map((size, axis) => (gone.has(axis) ? 1 : size));
  const strides = broadcastStrides(dims);
  const data = new Float64Array(elementCount(dims)).fill(start);
  for (let index = 0; index < x.data.length; index += 1) {
    let rest = index;
    let at = 0;
    for (let axis = x.dims.length - 1; axis >= 0; axis -= 1) {
      const size = x.dims[axis] ?? 1;
      const place = rest % size;
      rest = (rest - place) / size;
      if (!gone.has(axis)) at += place * (strides[axis] ?? 0);
    }
    data[at] = step(data[at] ?? 0, x.data[index] ?? Number.NaN);
  }
  return { dims, data };
}

function reduceMean(x: NdArray, axes: readonly number[]): NdArray {
  const { dims, data } = reduce(x, axes, SUM);
  const count = x.data.length / Math.max(1, data.length);
  return { dims, data: data.map((sum) => sum / count) };
}

/** The axes of a reduction: an attribute, or an input in newer opsets. */
function axesOf([, axes]: readonly NdArray[], node: NodeProto): readonly number[] {
  return axes === undefined ? (node.attribute.get('axes')?.ints ?? []) : [...axes.data];
}

function spatialAxes({ dims }: NdArray): number[] {
  return dims.map((_, axis) => axis).slice(2);
}

/** erf(x) to 1e-13 by its continued fraction or its series (Abramowitz and Stegun 7.1.5 and 7.1.14). */
function errorFunction(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z > 2.5) {
    let fraction = z;
    for (let n = 120; n >= 1; n -= 1) fraction = z + n / 2 / fraction;
    return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction));
  }
  let power = z;
  let sum = z;
  for (let n = 1; n < 60; n += 1) {
    power *= (-z * z) / n;
    sum += power / (2 * n + 1);
  }
  return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
}
